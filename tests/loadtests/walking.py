"""A walk conducted in this process, with real users, at a real server with a real store."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import gevent
import pytest

from loadtests.client import Watchdog
from loadtests.messages import ArmTarget, Credential, Message, Order, ReplicaAddress
from loadtests.model import Experiment, Load, Placement, RevocationRecord, SliceRecord, Trials
from loadtests.plan import plan_block
from loadtests.player import Player
from loadtests.stage import Stage
from loadtests.store_server import start_store
from loadtests.visitor import Visitor, owned
from loadtests.walk import Walk
from tests.builders import a_phase, an_arm, an_experiment
from tests.servers.processes import ADMIN_SECRET, CHEAP_LOGIN, Replica, running

POPULATION = 20
USERS = 4
TWO_ARMS = (an_arm("session_redis", replicas=1), an_arm("session_redis#2", replicas=1))
CAPACITY = a_phase("capacity", load=Load("closed", users=3), rounds=2, slice_s=0.04, guard_s=0.01)
TRIALS = a_phase(
    "revocation",
    rounds=1,
    trials=Trials(
        per_slice=1, concurrent=1, probe_every_s=0.002, ttl_s=2, background_fraction=0.25
    ),
)


@dataclass
class User:
    """A user of one visitor an arm, as the generator's are."""

    visitors: dict[str, Visitor]
    visitor: Visitor | None = None


@dataclass
class Walked:
    messages: list[Message] = field(default_factory=list)

    @property
    def slices(self) -> list[SliceRecord]:
        return [message.slice for message in self.messages if message.slice is not None]

    def trials(self, arm: str) -> list[RevocationRecord]:
        lines = [message.revocation for message in self.messages if message.revocation is not None]
        return [line for line in lines if line.arm == arm]

    def of(self, phase: str) -> list[SliceRecord]:
        return [record for record in self.slices if record.phase == phase]


@pytest.fixture(scope="module")
def server() -> Iterator[Replica]:
    with (
        start_store() as store,
        running("session_redis", "--store", store.url, "--users", "100", *CHEAP_LOGIN) as replica,
    ):
        yield replica


@pytest.fixture(autouse=True)
def collection() -> Iterator[None]:
    """A walk switches it off for the life of its process."""
    yield
    gc.unfreeze()
    gc.enable()


def a_block(**changes: object) -> Experiment:
    small = {
        "arms": TWO_ARMS, "phases": (CAPACITY,), "population": POPULATION, "pool_users": USERS,
        "warm_up_s": 0.01, "max_repeats": 0,
    }  # fmt: skip
    return an_experiment(**(small | changes))


def at(server: Replica, experiment: Experiment) -> Order:
    minted = [
        Credential(each.user_id, each.credential, each.csrf_token)
        for each in server.mint(experiment.population)
    ]
    return an_order(experiment, server.port, minted)


def an_order(experiment: Experiment, port: int, minted: Sequence[Credential]) -> Order:
    address = ReplicaAddress("127.0.0.1", port)
    return Order(
        experiment=experiment,
        slices=tuple(plan_block(experiment, 0)),
        targets=tuple(
            ArmTarget(arm.name, "bearer", "session", (address,), credentials=tuple(minted))
            for arm in experiment.arms
        ),
        placement=Placement((), (), ()),
        run_started_ns=time.monotonic_ns(),
        own_pids=(os.getpid(),),
        admin_secret=ADMIN_SECRET,
        password="",
    )


def walked(order: Order, stage: Stage | None = None) -> Walked:
    stage = stage or Stage()
    watchdog = Watchdog(order.experiment.request_timeout_s)
    with acting(order, stage, watchdog) as users:
        done = Walked()

        def turn_to(arm: str) -> None:
            for user in users:
                user.visitor = user.visitors[arm]

        Walk(order, Player(order, stage, turn_to, watchdog.count), done.messages.append).run()
    return done


@contextmanager
def acting(order: Order, stage: Stage, watchdog: Watchdog) -> Iterator[list[User]]:
    users = [User(visitors(order, stage, number, watchdog)) for number in range(pool(order))]
    greenlets = [gevent.spawn(stage.attend, user) for user in users]
    while stage.waiting < len(users):
        gevent.sleep(0)
    try:
        yield users
    finally:
        gevent.killall(greenlets, timeout=5)
        watchdog.close()
        for user in users:
            for visitor in user.visitors.values():
                visitor.close()


def pool(order: Order) -> int:
    return order.experiment.pool_users


def visitors(order: Order, stage: Stage, number: int, watchdog: Watchdog) -> dict[str, Visitor]:
    return {
        target.arm: Visitor(
            target,
            owned(target.credentials, number, pool(order)),
            number=number,
            seed=number,
            password="",
            population=POPULATION,
            watchdog=watchdog,
            record=stage.stamps.append,
        )
        for target in order.targets
    }


def recorded(record: SliceRecord) -> int:
    return sum(sum(endpoint.outcomes.values()) for endpoint in record.endpoints.values())


def always_disturbed(_slices: Sequence[SliceRecord], _cpus: int) -> bool:
    return True

"""Drives scripted servers by the real path: an order, a Locust process, the walk of its slices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from loadtests.awake import own_pids
from loadtests.generator import Generator
from loadtests.messages import ArmTarget, Credential, Message, Order, ReplicaAddress
from loadtests.model import (
    Arm,
    Experiment,
    Load,
    Phase,
    PhaseKind,
    Placement,
    PlannedSlice,
    SliceRecord,
)

ENDPOINT = "GET /me"
REQUEST_TIMEOUT_S = 5.0
# Only every GET /me counts, and `lookups` sends nothing else.
SCENARIO = "lookups"
_IDS = 1_024
# A walk that takes this much longer than its slices hangs.
_SPARE_S = 30.0


@dataclass(frozen=True, slots=True)
class Walked:
    """The last attempt at each planned slice; `others_share`: how much of a core other processes
    took while they were walked."""

    order: Order
    records: dict[PlannedSlice, SliceRecord] = field(default_factory=dict)
    others_share: float = 0.0

    def phase(self, planned: PlannedSlice) -> Phase:
        return self.order.experiment.phase(planned.phase)


def a_phase(name: str, load: Load, slice_s: float, guard_s: float) -> Phase:
    kind: PhaseKind = "latency" if load.is_open else "mixed"
    return Phase(name, kind, SCENARIO, load, rounds=1, slice_s=slice_s, guard_s=guard_s)


def order_for(
    servers: dict[str, ReplicaAddress],
    phases: Sequence[Phase],
    turns: Sequence[tuple[str, str]],
    *,
    pool_users: int,
    placement: Placement,
    seed: int,
    warm_up_s: float,
    max_repeats: int = 0,
) -> Order:
    """`servers` by arm; `turns`: (phase, arm) of each slice. Each is a round of its own, so that
    a disturbed one is walked again alone."""
    experiment = Experiment(
        name="calibration",
        question="Does the harness say what the server did?",
        seed=seed,
        blocks=1,
        arms=tuple(Arm(name, "none", 1, "bearer") for name in servers),
        reference=next(iter(servers)),
        phases=tuple(phases),
        population=_IDS,
        pool_users=pool_users,
        request_timeout_s=REQUEST_TIMEOUT_S,
        warm_up_s=warm_up_s,
        max_repeats=max_repeats,
    )
    return Order(
        experiment=experiment,
        slices=tuple(
            PlannedSlice(0, phase, number, arm, seed * 1_000 + number)
            for number, (phase, arm) in enumerate(turns)
        ),
        targets=tuple(_target(name, address) for name, address in servers.items()),
        placement=placement,
        run_started_ns=time.monotonic_ns(),
        own_pids=own_pids(),
        admin_secret="",
        password="",
    )


def begin(generator: Generator, order: Order, check: Callable[[], None]) -> Iterator[Message]:
    """Sends the order at once; the messages come as they are asked for."""
    experiment = order.experiment
    longest_s = max(phase.slice_s + phase.guard_s for phase in experiment.phases)
    walks = len(order.slices) + experiment.max_repeats
    deadline_s = _SPARE_S + walks * (longest_s + REQUEST_TIMEOUT_S)
    messages = generator.messages(order, deadline_s, check)
    first = next(messages)
    return _chained(first, messages)


def finish(order: Order, messages: Iterator[Message]) -> Walked:
    walked = Walked(order)
    planned = {(each.phase, each.round): each for each in order.slices}
    for message in messages:
        if message.slice is not None:
            walked.records[planned[message.slice.phase, message.slice.round]] = message.slice
    return walked


def _chained(first: Message, rest: Iterator[Message]) -> Iterator[Message]:
    yield first
    yield from rest


def _target(name: str, address: ReplicaAddress) -> ArmTarget:
    return ArmTarget(
        arm=name,
        carrier="bearer",
        cookie_name="",
        replicas=(address,),
        credentials=tuple(
            Credential(f"user-{number:06}", f"id-{number:06}", "") for number in range(_IDS)
        ),
    )

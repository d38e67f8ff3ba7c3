"""Servers on demand for real, with one of them, or their store, killed between two presses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from loadtests import on_demand
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.on_demand import OnDemand
from loadtests.target import MeasurementError
from loadtests.verify import readiness
from tests.processes import are_gone, descendants, wait_for


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[OnDemand]:
    monkeypatch.delenv("REDIS_URL", raising=False)
    before = descendants(os.getpid())
    own = OnDemand()
    yield own
    own.close()
    assert are_gone(started_since(before))


def started_since(before: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in descendants(os.getpid()) if each not in before]


def started_anew(own: OnDemand, dead: ArmTarget) -> ArmTarget:
    """A process that was just killed still counts as alive until its starter can know."""
    choice = (dead.arm, len(dead.replicas), dead.carrier)
    wait_for(lambda: own.target(*choice) != dead, 10.0, f"{dead.arm} started anew")
    return own.target(*choice)


def guards_a_store(process: psutil.Process) -> bool:
    return any(word.endswith("guard.py") for word in process.cmdline())


def processes(target: ArmTarget) -> list[psutil.Process]:
    return [psutil.Process(replica.pid) for replica in target.replicas]


def is_ready(target: ArmTarget) -> bool:
    return all(readiness(replica)["ready"] for replica in target.replicas)


def test_a_choice_keeps_its_servers(own: OnDemand) -> None:
    first = own.target("none", 1, "bearer")
    other = own.target("none", 1, "cookie")
    assert own.target("none", 1, "bearer") == first
    assert own.target("none", 1, "cookie") == other
    assert first.replicas != other.replicas
    assert is_ready(first)
    assert is_ready(other)


def test_servers_of_which_one_died_are_started_anew(own: OnDemand) -> None:
    other = own.target("none", 1, "bearer")
    dead = own.target("jwt_hs256", 2, "bearer")
    victim, survivor = processes(dead)
    victim.kill()
    alive = started_anew(own, dead)
    assert not {each.pid for each in dead.replicas} & {each.pid for each in alive.replicas}
    assert is_ready(alive)
    assert are_gone([survivor])
    assert own.target("jwt_hs256", 2, "bearer") == alive
    assert own.target("none", 1, "bearer") == other


def test_servers_whose_store_died_are_started_anew(own: OnDemand) -> None:
    before = descendants(os.getpid())
    dead = own.target("session_redis", 1, "bearer")
    (guard,) = (each for each in started_since(before) if guards_a_store(each))
    (store,) = guard.children()
    store.kill()
    alive = started_anew(own, dead)
    assert alive.replicas != dead.replicas
    assert is_ready(alive)


def test_servers_that_do_not_come_up_leave_nothing_and_may_be_tried_again(
    own: OnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_address: ReplicaAddress) -> dict[str, Any]:
        raise MeasurementError("not ready")

    before = descendants(os.getpid())
    with monkeypatch.context() as patched:
        patched.setattr(on_demand, "readiness", refuse)
        with pytest.raises(MeasurementError, match="not ready"):
            own.target("none", 1, "bearer")
    assert started_since(before) == []
    assert is_ready(own.target("none", 1, "bearer"))

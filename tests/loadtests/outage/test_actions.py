from __future__ import annotations

import random
import time
from collections.abc import Iterable

import pytest

from loadtests.cpu_clock import MachineCpu
from loadtests.outage import actions
from loadtests.outage.actions import BusyWatch, Killing

ARMS = ("none", "session_redis", "jwt_hs256", "jwt_epoch")


def test_who_gets_its_replica_back_first_is_drawn() -> None:
    drawn = [Killing.drawn(random.Random(seed), 2, ARMS) for seed in range(50)]  # noqa: S311
    assert all(sorted(each.arms) == sorted(ARMS) for each in drawn)
    assert {each.arms[0] for each in drawn} == set(ARMS)
    assert {each.replica for each in drawn} == {0, 1}
    assert Killing.drawn(random.Random(7), 2, ARMS) == drawn[7]  # noqa: S311


@pytest.mark.parametrize(
    ("cpus", "busy_s", "idle_s", "idled_s", "used"),
    [
        (2, 1.0, 1.0, 0.0, 0.5),
        # No CPU is idle where they are kept awake: what spins there is not in use.
        (2, 2.0, 0.0, 1.5, 0.25),
        # Counters of different steps.
        (2, 1.98, 0.0, 2.0, 0.0),
    ],
)
def test_what_keeps_cpus_awake_is_not_in_use(
    monkeypatch: pytest.MonkeyPatch,
    cpus: int,
    busy_s: float,
    idle_s: float,
    idled_s: float,
    used: float,
) -> None:
    at = {"s": 0.0}

    def spent_ns(pids: Iterable[int]) -> int:
        assert tuple(pids) == (7,)
        return int(idled_s * at["s"] * 1e9)

    def machine() -> MachineCpu:
        return MachineCpu(busy_s * at["s"], idle_s * at["s"], 0.0, cpus)

    monkeypatch.setattr(actions, "spinner_pids", lambda: (7,))
    monkeypatch.setattr(actions, "processes_cpu_ns", spent_ns)
    monkeypatch.setattr(actions, "machine_cpu", machine)
    monkeypatch.setattr(time, "monotonic", lambda: at["s"])
    watch = BusyWatch()
    at["s"] = 1.0
    assert watch.share() == pytest.approx(used)

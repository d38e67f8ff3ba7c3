from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from loadtests.model import Placement
from loadtests.placement import pin, place, usable_cpus, worker_cpu


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        ([], Placement((), (), ())),
        ([0], Placement((), (), ())),
        ([0, 1], Placement((0,), (0,), (1,))),
        ([5, 3], Placement((3,), (3,), (5,))),
        ([0, 1, 2], Placement((0,), (1,), (2,))),
        ([0, 1, 2, 3], Placement((0, 1), (2,), (3,))),
        (range(8), Placement((0, 1, 2, 3, 4, 5), (6,), (7,))),
    ],
)
def test_who_runs_where(cpus: list[int], expected: Placement) -> None:
    assert place(cpus) == expected


def test_nowhere_to_pin_changes_nothing() -> None:
    before = usable_cpus()
    pin(os.getpid(), ())
    assert usable_cpus() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins")
def test_pinning_moves_the_process() -> None:
    before = usable_cpus()
    try:
        pin(os.getpid(), before[:1])
        assert usable_cpus() == before[:1]
    finally:
        pin(os.getpid(), before)
    assert usable_cpus() == before


@pytest.mark.parametrize(
    ("cpus", "generators", "expected"),
    [
        (1, 3, Placement((), (), ())),
        (2, 3, Placement((0,), (0,), (1,))),
        (3, 2, Placement((0,), (1,), (2,))),
        (4, 2, Placement((0,), (1,), (2, 3))),
        (4, 9, Placement((0,), (1,), (2, 3))),
        (8, 1, Placement((0, 1, 2, 3, 4, 5), (6,), (7,))),
        (8, 3, Placement((0, 1, 2, 3), (4,), (5, 6, 7))),
    ],
)
def test_each_generator_has_a_cpu_of_its_own_as_far_as_there_are(
    cpus: int, generators: int, expected: Placement
) -> None:
    assert place(range(cpus), generators=generators) == expected


def test_workers_take_the_generators_cpus_in_turn() -> None:
    three = place(range(8), generators=3)
    assert [worker_cpu(three, worker) for worker in range(5)] == [5, 6, 7, 5, 6]
    assert worker_cpu(place(range(1)), 0) is None


def test_server_cpus_can_be_capped() -> None:
    assert place(range(8), max_server_cpus=1) == Placement((0,), (6,), (7,))
    assert place(range(2), max_server_cpus=1) == place(range(2))
    assert place(range(8), 1, generators=2) == Placement((0,), (5,), (6, 7))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins")
def test_a_thread_that_ended_meanwhile_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = [SimpleNamespace(id=gone.pid), SimpleNamespace(id=os.getpid())]
    monkeypatch.setattr(psutil.Process, "threads", lambda _process: here)
    before = usable_cpus()
    try:
        pin(os.getpid(), before[:1])
        assert usable_cpus() == before[:1]
    finally:
        pin(os.getpid(), before)

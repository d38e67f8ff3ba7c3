"""Checks of slices that several generator processes played."""

from __future__ import annotations

import pytest

from loadtests.checks import generator_busy, phase_findings, slice_findings
from loadtests.model import CpuSeconds, Placement, SliceRecord, WorkerShare
from tests.builders import a_phase, a_slice


def a_second(total_s: float, *workers: tuple[int | None, float]) -> SliceRecord:
    """A second in which the generator spent `total_s`, each worker on this CPU so much of it."""
    return a_slice(
        drained_after_s=1.0,
        cpu_s=CpuSeconds(0.5, 0.1, total_s),
        workers=tuple(WorkerShare(cpu, cpu_s, 100, 0.04) for cpu, cpu_s in workers),
    )


@pytest.mark.parametrize(
    ("slices", "busy"),
    [
        ([a_second(0.5)], 0.5),
        ([a_second(0.5), a_second(0.7)], 0.6),
        # A core each: the busier one, and the master's 0.02 wherever it ran.
        ([a_second(1.22, (2, 0.7), (3, 0.5))], 0.72),
        # One core for both, or two for three.
        ([a_second(0.82, (1, 0.4), (1, 0.4))], 0.82),
        ([a_second(1.0, (2, 0.3), (3, 0.4), (2, 0.3))], 0.6),
        # Unpinned, no more than a core to each.
        ([a_second(0.9, (None, 0.5), (None, 0.4))], 0.5),
        # The core that is busiest over all slices, not the worst of each.
        ([a_second(1.0, (2, 0.9), (3, 0.1)), a_second(1.0, (2, 0.1), (3, 0.9))], 0.5),
    ],
)
def test_a_generator_is_as_busy_as_its_busiest_core(slices: list[SliceRecord], busy: float) -> None:
    assert generator_busy(slices) == pytest.approx(busy)


def test_a_part_that_came_too_late_is_said_of_its_slice_and_counted() -> None:
    phase = a_phase("login")
    late = a_slice(phase="login", findings=("late_worker",))
    assert "late_worker" in slice_findings(late, phase)
    found = phase_findings(phase, "none", [late, a_slice(), late], Placement((0,), (0,), (1,)))
    (said,) = (each for each in found if each.name == "late_worker")
    assert said.severity == "warning"
    assert "2 of 3 slices" in said.message
    assert "late_worker" not in slice_findings(a_slice(), phase)

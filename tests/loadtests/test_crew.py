from __future__ import annotations

import dataclasses

from loadtests.crew import Part, part_dues_ns
from loadtests.model import Load, PlannedSlice
from loadtests.pacing import due_times_ns

SECOND_NS = 1_000_000_000
PROBE = Part(
    PlannedSlice(0, "slo", 0, "none", seed=5),
    attempt=0,
    scenario="browse",
    load=Load("poisson", rate_rps=10_000.0),
    guard_ns=SECOND_NS,
    start_ns=2 * SECOND_NS,
    end_ns=3 * SECOND_NS,
    gentle_guard=True,
)


def test_a_gentle_guard_has_half_the_rate() -> None:
    dues_ns = part_dues_ns(PROBE)
    assert dues_ns == sorted(dues_ns)
    guard = sum(due_ns < PROBE.start_ns for due_ns in dues_ns)
    assert 4_600 <= guard <= 5_400
    assert 9_600 <= len(dues_ns) - guard <= 10_400


def test_any_other_guard_has_the_load_of_its_slice() -> None:
    plain = dataclasses.replace(PROBE, gentle_guard=False)
    drawn_ns = due_times_ns(plain.load, plain.guard_ns, plain.end_ns, plain.planned.seed)
    assert part_dues_ns(plain) == drawn_ns

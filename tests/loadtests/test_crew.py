from __future__ import annotations

import dataclasses

import pytest

from loadtests.crew import WHOLE, Part, Share, part_dues_ns
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


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_shares_are_the_whole_each_once(workers: int) -> None:
    shares = [Share(worker, workers) for worker in range(workers)]
    dues_ns = part_dues_ns(PROBE)
    assert sorted(due_ns for share in shares for due_ns in share.of(dues_ns)) == dues_ns
    for total in range(12):
        counts = [share.count(total) for share in shares]
        assert sum(counts) == total
        assert max(counts) - min(counts) <= 1
        numbers = [share.number(own) for share in shares for own in range(share.count(total))]
        assert sorted(numbers) == list(range(total))


def test_one_alone_has_the_whole() -> None:
    dues_ns = part_dues_ns(PROBE)
    assert WHOLE.of(dues_ns) == dues_ns
    assert [WHOLE.number(own) for own in range(WHOLE.count(3))] == [0, 1, 2]

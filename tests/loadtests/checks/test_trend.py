from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from loadtests.checks import phase_findings
from loadtests.checks.trend import trend_findings
from loadtests.model import CpuSeconds, Placement, SliceRecord
from tests.builders import a_phase, a_slice

PHASE = a_phase("latency-1000")


def slices(
    change: float, blocks: int = 5, rounds: int = 6, noise: float = 0.01
) -> list[SliceRecord]:
    """CPU a request that changes evenly by `change` from the first round to the last."""
    return list(_slices(random.Random(1), change, blocks, rounds, noise))  # noqa: S311


def _slices(
    draw: random.Random, change: float, blocks: int, rounds: int, noise: float
) -> Iterator[SliceRecord]:
    for block in range(blocks):
        for number in range(rounds):
            share = number / max(1, rounds - 1)
            cost_s = 100e-6 * (1 + change) ** share * draw.gauss(1, noise)
            cpu_s = CpuSeconds(server=1000 * cost_s, store=0.0, generator=0.02)
            yield a_slice(
                block=block, phase=PHASE.name, round=number, completed=1000, cpu_s=cpu_s,
                load=PHASE.load,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "found"), [(0.0, False), (0.03, False), (-0.03, False), (0.08, True), (-0.08, True)]
)
def test_a_cost_that_changes_by_more_than_5_percent_is_found(change: float, *, found: bool) -> None:
    findings = trend_findings(PHASE, "none", slices(change))
    assert [each.name for each in findings] == (["trend"] if found else [])
    if found:
        assert f"{change:+.0%} from first to last round" in findings[0].message


def test_noise_is_no_trend() -> None:
    assert trend_findings(PHASE, "none", slices(0.08, noise=0.3)) == []


def test_two_rounds_are_a_change_a_block() -> None:
    assert [each.name for each in trend_findings(PHASE, "none", slices(0.5, 5, 2))] == ["trend"]


@pytest.mark.parametrize(("blocks", "rounds"), [(2, 6), (5, 1)])
def test_too_little_says_nothing(blocks: int, rounds: int) -> None:
    assert trend_findings(PHASE, "none", slices(0.5, blocks, rounds)) == []


def test_cpu_that_cannot_be_read_says_nothing() -> None:
    dark = [
        a_slice(block=block, round=number, cpu_s=CpuSeconds(None, None, None))
        for block in range(5)
        for number in range(6)
    ]
    assert trend_findings(PHASE, "none", dark) == []


def test_a_phase_is_told_of_its_trend() -> None:
    found = phase_findings(PHASE, "none", slices(-0.2), Placement((0,), (0,), (1,)))
    assert "trend" in {each.name for each in found}

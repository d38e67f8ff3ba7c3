"""Two tools that agree, that do not, and that cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from loadtests.bench.agreement import METRICS, Agreement, Seen, agreements
from loadtests.intervals import Interval

ONE = Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("middle", "low", "high", "is_decided", "holds"),
    [
        (0.0, -0.01, 0.01, True, True),
        (0.05, -0.01, 0.09, True, True),
        (-0.05, -0.09, 0.0, True, True),
        # 0 is not within: only what nobody would act on may differ.
        (0.019, 0.015, 0.023, True, True),
        (-0.019, -0.023, -0.015, True, True),
        (0.021, 0.015, 0.027, True, False),
        (-0.3, -0.35, -0.25, True, False),
        # So wide that it would hold 0 whatever the tools say.
        (0.0, -0.11, 0.11, False, False),
        (0.3, -0.5, 1.1, False, False),
    ],
)
def test_tools_agree_where_nothing_or_next_to_nothing_lies_between_them(
    middle: float, low: float, high: float, *, is_decided: bool, holds: bool
) -> None:
    told = Agreement("throughput", "none", ONE, ONE, Interval(middle, low, high))
    assert (told.is_decided, told.holds) == (is_decided, holds)


def seen(throughputs: Sequence[float], per_core: float = 100.0) -> list[Seen]:
    return [Seen(each, per_core * each, 1.0, 0.0, 10.0, 1.0, 2.0) for each in throughputs]


def test_ratios_are_paired_by_round_and_taken_within_each_tool() -> None:
    # wrk is twice as fast everywhere, and the machine three times as fast in the second round.
    ours = {"session_redis": seen([10, 30, 10]), "none": seen([30, 90, 30])}
    theirs = {"session_redis": seen([20, 60, 20]), "none": seen([60, 180, 60])}
    told = list(agreements(ours, theirs, "session_redis"))
    assert [(each.metric, each.candidate) for each in told] == [(m, "none") for m in METRICS]
    for each in told:
        assert each.ours.middle == pytest.approx(3.0)
        assert each.theirs.middle == pytest.approx(3.0)
        assert (each.difference.low, each.difference.high) == pytest.approx((0.0, 0.0))
        assert each.holds


def test_a_tool_that_sees_another_ratio_is_found_out_in_that_metric_alone() -> None:
    ours = {"session_redis": seen([10, 10.1, 9.9]), "none": seen([30, 30.1, 30])}
    theirs = {"session_redis": seen([10, 9.9, 10.1], 50.0), "none": seen([40, 40, 40.1], 37.5)}
    throughput, per_core = agreements(ours, theirs, "session_redis")
    assert throughput.difference.middle == pytest.approx(math.log(3 / 4), abs=0.01)
    assert not throughput.holds
    assert throughput.is_decided
    assert per_core.difference.middle == pytest.approx(0.0, abs=0.01)
    assert per_core.holds

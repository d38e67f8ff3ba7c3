from __future__ import annotations

import pytest

from loadtests.bench.dispatch import DispatchResult
from loadtests.calibration.limits import dispatch_limits
from loadtests.model import CheckOutcome
from tests.loadtests.calibration.builders import a_calibration, a_check, a_dispatch, the_limits


@pytest.mark.parametrize(
    ("outcomes", "passed"),
    [
        (("pass",), True),
        (("pass", "left out"), True),
        (("pass", "fail"), False),
        (("pass", "undecided"), False),
        # Nothing judged is nothing proven.
        (("left out",), False),
        ((), False),
    ],
)
def test_a_calibration_passes_when_all_that_was_judged_did(
    outcomes: tuple[CheckOutcome, ...], passed: bool
) -> None:
    calibration = a_calibration(checks=tuple(a_check(outcome=each) for each in outcomes))
    assert calibration.passed is passed
    note = calibration.note()
    assert note.passed + note.failed + note.undecided + note.left_out == len(outcomes)


def test_the_worst_of_each_percentile_used_most_of_what_it_is_allowed() -> None:
    near = a_check(quantity="service p99", truth=100.0, measured=101.0, allowed=3.0)
    far = a_check(quantity="response p99", truth=1.0, measured=1.25, allowed=0.3)
    median = a_check(quantity="service p50", truth=1.0, measured=1.0, allowed=0.3)
    counted = a_check(quantity="requests", unit="requests", truth=9, measured=1, allowed=1)
    unread = a_check(quantity="service p99.9", truth=None, measured=None, outcome="left out")
    note = a_calibration(checks=(near, far, median, counted, unread)).note()
    assert note.worst == (median, far)


@pytest.mark.parametrize(
    ("in_time", "highest"),
    [
        ((True, True, True), 5_000.0),
        ((True, False, True), 1_000.0),
        ((False, True, True), 0.0),
        ((), 0.0),
    ],
)
def test_what_leaves_in_time_ends_at_the_first_that_does_not(
    in_time: tuple[bool, ...], highest: float
) -> None:
    rates = (1_000.0, 2_000.0, 5_000.0)
    dispatch = [a_dispatch(rate, in_time=each) for rate, each in zip(rates, in_time, strict=False)]
    assert the_limits(dispatch=tuple(reversed(dispatch))).in_time_rps == highest


def test_the_maximum_is_of_a_whole_core() -> None:
    assert the_limits(reached_rps=20_000.0, busy=0.5, cpu_us_per_request=25.0).max_rps == 40_000


def result(rate_rps: float, p99_us: float, offered: int = 2_000) -> DispatchResult:
    return DispatchResult("constant", rate_rps, 2_000.0, offered, 30.0, p99_us)


@pytest.mark.parametrize(
    ("slices", "p99_us", "in_time"),
    [
        ([result(1_000, 150)], 150, True),
        ([result(1_000, 150), result(1_000, 900), result(1_000, 9_000)], 900, True),
        ([result(1_000, 1_001), result(1_000, 150), result(1_000, 1_002)], 1_001, False),
        ([result(1_000, 150), result(1_000, 140, offered=1_800)], 140, False),
    ],
    ids=["one", "the median", "late", "too few"],
)
def test_a_rate_is_as_good_as_its_median_slice(
    slices: list[DispatchResult], p99_us: float, in_time: bool
) -> None:
    (limit,) = dispatch_limits(slices)
    assert (limit.rate_rps, limit.lag_p99_us, limit.in_time) == (1_000, p99_us, in_time)


def test_rates_ascend() -> None:
    limits = dispatch_limits([result(5_000, 1), result(1_000, 1), result(2_000, 1)])
    assert [limit.rate_rps for limit in limits] == [1_000, 2_000, 5_000]

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadtests.intervals import Interval, log_ratios, ratio_interval, t_interval

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12).filter(
    lambda each: max(each) - min(each) > 1e-3
)


@given(values)
def test_the_interval_is_students(given_: list[float]) -> None:
    told = t_interval(given_)
    mean = sum(given_) / len(given_)
    low, high = stats.t.interval(0.95, len(given_) - 1, loc=mean, scale=stats.sem(given_))
    assert (told.middle, told.low, told.high) == pytest.approx((mean, low, high), abs=1e-6)
    assert told.half_width == pytest.approx((high - low) / 2)


def test_one_value_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two values; given 1"):
        t_interval([1.0])


def test_a_ratio_is_paired_round_by_round() -> None:
    # The machine drifts by a factor of 4, the ratio does not: unpaired, nothing would be known.
    told = ratio_interval([2.0, 4.0, 8.0], [1.0, 2.0, 4.0])
    assert (told.low, told.middle, told.high) == pytest.approx((2.0, 2.0, 2.0))
    assert log_ratios([4.0, 1.0], [2.0, 2.0]) == pytest.approx([math.log(2), -math.log(2)])


def test_rounds_of_different_number_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        log_ratios([1.0, 2.0], [1.0])


def test_an_interval_says_its_middle_and_both_ends() -> None:
    assert str(Interval(2.0, 1.5, 2.5)) == "2.00 (1.50–2.50)"

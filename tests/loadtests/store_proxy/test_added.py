from __future__ import annotations

from collections import Counter
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.store_proxy.added import Tally, quantile_s


def test_what_was_taken_is_not_told_again() -> None:
    tally = Tally()
    for held_us in range(1, 101):
        tally.count(held_us * 1000, held_us * 1000 + 20_999)
    told = tally.take(0.002)
    assert (told.asked_s, told.round_trips) == (0.002, 100)
    assert (told.p50_s, told.p99_s, told.max_s) == (50e-6, 99e-6, 100e-6)
    assert told.trip_p50_s == pytest.approx(70e-6)
    assert told.trip_p99_s == pytest.approx(119e-6)
    again = tally.take(0.0)
    assert (again.round_trips, again.p50_s, again.max_s, again.trip_p99_s) == (0, None, None, None)


@given(st.lists(st.integers(0, 50), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(
    values_us: list[int], fraction: float
) -> None:
    told_s = quantile_s(Counter(values_us), fraction)
    assert told_s is not None
    told_us = round(told_s * 1e6)
    assert told_us in values_us
    assert sum(value <= told_us for value in values_us) >= fraction * len(values_us)
    assert sum(value < told_us for value in values_us) < fraction * len(values_us)


def test_it_is_what_others_mean_by_the_word() -> None:
    values_us = [round(1.01**step) for step in range(2000)]
    percentiles = quantiles(values_us, n=100)
    for fraction in (0.5, 0.9, 0.99):
        told_s = quantile_s(Counter(values_us), fraction)
        assert told_s == pytest.approx(percentiles[round(fraction * 100) - 1] / 1e6, rel=0.02)

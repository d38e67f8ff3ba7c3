from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.outages.bins import (
    first_failure_s,
    held,
    middle_and_range,
    outcomes_between,
    outcomes_down,
    runs,
    share_at,
    success_share,
    times_of,
)
from loadtests.checks import is_success
from loadtests.model import OutageRecord
from tests.lab_builders import an_outage

SHARES = st.sampled_from([0.0, 0.25, 1.0, np.nan])


def of(*shares: int | None, **changes: Any) -> OutageRecord:
    """A trial whose bins hold ten requests each, of which so many succeed; None: no request."""
    bins = [{} if n is None else {"200": n, "503": 10 - n} for n in shares]
    return an_outage(bins=tuple(bins), **changes)


def test_what_counts_as_down_lies_wholly_between_fault_and_mend() -> None:
    assert outcomes_down(of(10, 10, 3, 4, 10)) == Counter({"200": 7, "503": 13})
    # The bin in which the fault began, or ended, is of both sorts.
    partly = of(10, 10, 3, 4, 10, fault_s=0.25, mended_s=0.4)
    assert outcomes_down(partly) == Counter({"200": 4, "503": 6})
    # 0.3 / 0.1 is a little less than three.
    assert outcomes_between(of(1, 2, 3, 4), 0.3 - 1e-9, 0.4 + 1e-9)["200"] == 4


def test_the_first_failure_is_looked_for_since_the_fault() -> None:
    assert first_failure_s(of(10, 10, 10, first_error_s=None)) is None
    assert first_failure_s(of(10, 10, 0, first_error_s=0.234)) == 0.234
    # What failed before the fault is no part of it: the first bin since, if any.
    assert first_failure_s(of(0, 10, 10, 3, first_error_s=0.05)) == pytest.approx(0.3)
    assert first_failure_s(of(0, 10, 10, 10, first_error_s=0.05)) is None


def test_a_stretch_without_a_request_has_no_share() -> None:
    assert success_share(outcomes_down(of(10, 10, None, None, 10))) is None
    assert success_share(Counter({"200": 1, "401": 1, "timeout": 2})) == 0.25


def test_trials_are_laid_upon_one_another_at_their_faults() -> None:
    early, late = of(10, 0, 10, fault_s=0.1), of(10, 10, 0, 10, fault_s=0.2)
    times_s = times_of([early, late])
    assert list(times_s) == pytest.approx([-0.15, -0.05, 0.05, 0.15])
    shares = share_at(early, times_s, is_success)
    assert list(shares[1:]) == [1, 0, 1]
    assert np.isnan(shares[0])
    middle, low, high = middle_and_range([early, late], times_s)
    assert list(middle) == list(low) == list(high) == [1, 1, 0, 1]


def test_the_median_and_the_range_are_those_of_the_trials_that_know() -> None:
    trials = [of(2, None, None), of(4, 5, None), of(9, 7, None)]
    trials = [of(*[r.bins[n].get("200") for n in range(3)], fault_s=0.0) for r in trials]
    middle, low, high = middle_and_range(trials, times_of(trials))
    assert list(middle[:2]) == pytest.approx([0.4, 0.6])
    assert list(low[:2]) == pytest.approx([0.2, 0.5])
    assert list(high[:2]) == pytest.approx([0.9, 0.7])
    assert np.isnan([middle[2], low[2], high[2]]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 0.5], [1, 1, 0.5]),
        ([None, 1, None, None, 0, None], [None, 1, 1, 1, 0, None]),
        ([None, None], [None, None]),
    ],
)
def test_a_bin_in_which_nobody_was_due_is_as_the_one_before(
    values: list[float | None], expected: list[float | None]
) -> None:
    one, other = (np.array(each, dtype=np.float64) for each in (values, expected))
    assert np.array_equal(held(one), other, equal_nan=True)


def test_another_outcome_can_be_asked_for() -> None:
    record = an_outage(bins=({"200": 6, "401": 2},), fault_s=0.0)
    assert list(share_at(record, np.array([0.05]), lambda name: name == "401")) == [0.25]


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=30))
def test_runs_are_the_same_steps_in_fewer_pieces(pairs: list[tuple[float, float]]) -> None:
    one, other = (np.array(series) for series in zip(*pairs, strict=True))
    times_s = np.arange(len(one), dtype=np.float64) * 0.1 + 0.05
    edges, merged = runs(times_s, one, other)
    places = np.searchsorted(edges, times_s) - 1
    for series, few in zip((one, other), merged, strict=True):
        assert len(few) == len(edges) - 1
        assert np.array_equal(series, few[places], equal_nan=True)
    same = [np.array_equal(a, b, equal_nan=True) for a, b in pairwise(pairs)]
    assert len(edges) - 2 == same.count(False)

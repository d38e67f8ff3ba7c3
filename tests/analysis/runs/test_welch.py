from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from analysis.runs.welch import unpaired_log_ratio
from analysis.stats import log_ratio_interval

SAMPLES = st.lists(st.floats(0.1, 1e6), min_size=2, max_size=12)


@given(SAMPLES, SAMPLES)
def test_it_is_the_interval_of_welchs_test(before: list[float], after: list[float]) -> None:
    logs = np.log(after), np.log(before)
    # Where a side hardly varies the library warns; test_nothing_varies has that.
    assume(min(np.ptp(logs[0]), np.ptp(logs[1])) > 1e-6)
    found = unpaired_log_ratio(before, after)
    known = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=1e-6, abs=1e-9)
    assert found.blocks == min(len(before), len(after))


def test_by_hand() -> None:
    # Variances 1 and 4 of two and two values: errors 0.5 and 2, ν = 2.5² ÷ (0.25 + 4) ≈ 1.47.
    before = [math.exp(value) for value in (0.0, math.sqrt(2))]
    after = [math.exp(value) for value in (1.0, 1 + 2 * math.sqrt(2))]
    found = unpaired_log_ratio(before, after)
    half_width = stats.t.ppf(0.975, 2.5**2 / 4.25) * math.sqrt(2.5)
    assert found.high is not None
    assert found.mean == pytest.approx(1 + math.sqrt(2) / 2)
    assert found.high - found.mean == pytest.approx(half_width)


@given(SAMPLES, SAMPLES)
def test_the_other_way_round_is_the_mirror_image(before: list[float], after: list[float]) -> None:
    there, back = unpaired_log_ratio(before, after), unpaired_log_ratio(after, before)
    assert there.low is not None
    assert back.high is not None
    assert (there.mean, there.low) == pytest.approx((-back.mean, -back.high), abs=1e-9)


def test_it_is_wider_than_pairs_that_move_together() -> None:
    before, after = [100.0, 120.0, 80.0, 90.0, 110.0], [200.0, 241.0, 159.0, 181.0, 219.0]
    paired, unpaired = log_ratio_interval(before, after), unpaired_log_ratio(before, after)
    assert unpaired.mean == pytest.approx(paired.mean)
    assert unpaired.low is not None
    assert paired.low is not None
    assert unpaired.low < paired.low


def test_one_block_has_no_bounds() -> None:
    found = unpaired_log_ratio([2.0], [4.0, 4.0, 4.0])
    assert (found.mean, found.low, found.high, found.blocks) == (math.log(2), None, None, 1)


def test_nothing_varies() -> None:
    found = unpaired_log_ratio([2.0] * 5, [4.0] * 5)
    assert [found.mean, found.low, found.high] == pytest.approx([math.log(2)] * 3)


@pytest.mark.parametrize(
    ("before", "after"), [([], [1.0]), ([1.0], []), ([0.0, 1.0], [1.0]), ([1.0], [-1.0])]
)
def test_no_ratio_without_positive_values(before: list[float], after: list[float]) -> None:
    with pytest.raises(ValueError, match="positive values on both sides"):
        unpaired_log_ratio(before, after)

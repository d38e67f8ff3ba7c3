import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.stats import (
    Interval,
    judge,
    log_ratio_interval,
    mean_interval,
    noise_floor,
    percent_within,
    t_interval,
)

positive = st.floats(min_value=1e-3, max_value=1e6)
blocks = st.lists(st.tuples(positive, positive), min_size=5, max_size=12)
factors = st.floats(min_value=1e-3, max_value=1e3)

MIRRORED = {"faster": "slower", "slower": "faster"}


def an_interval(low: float, high: float, blocks: int = 5) -> Interval:
    return Interval((low + high) / 2, low, high, blocks)


def test_t_interval_by_hand() -> None:
    # mean 3, s = √2.5, t(4, 0.975) = 2.776445: half width 1.963243
    interval = t_interval([1, 2, 3, 4, 5])
    assert interval.mean == 3
    assert interval.low == pytest.approx(3 - 1.963243, abs=1e-6)
    assert interval.high == pytest.approx(3 + 1.963243, abs=1e-6)


def test_one_block_has_a_mean_and_no_interval() -> None:
    assert t_interval([2.0]) == Interval(2.0, None, None, 1)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        t_interval([])


def test_coverage_of_the_interval_is_what_it_says() -> None:
    draw = np.random.default_rng(3)
    samples = draw.normal(1.0, 0.05, size=(4000, 5))
    intervals = [t_interval(list(sample)) for sample in samples]
    covered = sum(i.low <= 1.0 <= i.high for i in intervals if i.low is not None and i.high)
    # Two in a thousand either way is four standard errors.
    assert covered / 4000 == pytest.approx(0.95, abs=0.014)


def test_a_positive_mean_is_geometric() -> None:
    interval = mean_interval([1.0, 4.0, 16.0])
    assert interval.mean == pytest.approx(4.0)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low * interval.high == pytest.approx(16.0)


def test_a_mean_with_a_zero_is_arithmetic_and_never_below_zero() -> None:
    interval = mean_interval([0.0, 0.0, 3.0])
    assert interval.mean == 1.0
    assert interval.low == 0.0


@given(blocks)
def test_swapping_the_arms_gives_the_reciprocal_ratio(pairs: list[tuple[float, float]]) -> None:
    reference, candidate = [a for a, _ in pairs], [b for _, b in pairs]
    there = log_ratio_interval(reference, candidate)
    back = log_ratio_interval(candidate, reference)
    assert there.exp().mean == pytest.approx(1 / back.exp().mean)
    assert there.low == pytest.approx(-(back.high or 0.0), abs=1e-9)


@given(st.floats(-0.5, 0.5), st.floats(1e-6, 0.5), st.floats(0, 0.2))
def test_swapping_the_arms_mirrors_the_verdict(low: float, width: float, floor: float) -> None:
    there = judge(an_interval(low, low + width), floor, "lower")
    back = judge(an_interval(-low - width, -low), floor, "lower")
    assert back.verdict == MIRRORED.get(there.verdict, there.verdict)


@given(blocks, factors)
def test_the_unit_does_not_matter(pairs: list[tuple[float, float]], factor: float) -> None:
    reference, candidate = [a for a, _ in pairs], [b for _, b in pairs]
    plain = log_ratio_interval(reference, candidate)
    scaled = log_ratio_interval([a * factor for a in reference], [b * factor for b in candidate])
    assert scaled.mean == pytest.approx(plain.mean, abs=1e-9)
    assert scaled.high == pytest.approx(plain.high, abs=1e-9)


@given(blocks, st.randoms())
def test_blocks_may_drift_together(pairs: list[tuple[float, float]], chance: object) -> None:
    drift = [2.0**number for number in range(len(pairs))]
    plain = log_ratio_interval([a for a, _ in pairs], [b for _, b in pairs])
    drifted = log_ratio_interval(
        [a * d for (a, _), d in zip(pairs, drift, strict=True)],
        [b * d for (_, b), d in zip(pairs, drift, strict=True)],
    )
    assert drifted.low == pytest.approx(plain.low, abs=1e-9)


@pytest.mark.parametrize("pair", [([1.0, 0.0], [1.0, 1.0]), ([1.0], [1.0, 2.0])])
def test_a_ratio_needs_positive_pairs(pair: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — zip's own message for the second
        log_ratio_interval(*pair)


@pytest.mark.parametrize(
    ("low", "high", "floor", "better", "verdict"),
    [
        (-0.01, 0.01, None, "lower", "same within 2%"),
        (-0.019, -0.001, 0.0, "lower", "same within 2%"),
        (-0.02, 0.03, 0.04, "lower", "same within 4.1%"),
        (-0.03, 0.02, 0.01, "lower", "inconclusive"),
        (0.0, 0.5, 0.01, "lower", "inconclusive"),
        (0.05, 0.1, 0.01, "lower", "slower"),
        (0.05, 0.1, 0.01, "higher", "faster"),
        (-0.1, -0.05, 0.01, "lower", "faster"),
        (-0.1, -0.05, 0.01, "higher", "slower"),
        (0.01, 0.06, 0.03, "higher", "faster"),
        (0.05, 0.1, 0.2, "higher", "same within 22.2%"),
    ],
)
def test_verdicts(low: float, high: float, floor: float | None, better: str, verdict: str) -> None:
    judgement = judge(an_interval(low, high), floor, better)  # type: ignore[arg-type]
    assert judgement.verdict == verdict
    assert (judgement.reason is not None) == (verdict == "inconclusive")


@pytest.mark.parametrize(
    ("low", "high", "floor", "verdict"),
    [
        # As seen: 1.049–1.260 where two copies of one arm differed by up to 19.2%.
        (math.log(1.049), math.log(1.260), math.log(1.192), "inconclusive"),
        (math.log(1.049), math.log(1.260), math.log(1.14), "slower"),
        (math.log(1.049), math.log(1.260), None, "slower"),
        (0.02, 0.08, 0.05, "inconclusive"),
        (0.0201, 0.0801, 0.05, "slower"),
        (-0.0801, -0.0201, 0.05, "faster"),
    ],
)
def test_an_estimate_within_the_floor_is_no_difference(
    low: float, high: float, floor: float | None, verdict: str
) -> None:
    judgement = judge(an_interval(low, high), floor, "lower")
    assert judgement.verdict == verdict
    if verdict == "inconclusive":
        assert judgement.reason == "two copies of one arm could differ by as much"


def test_same_by_a_wide_floor_says_that_it_tells_little() -> None:
    judgement = judge(an_interval(-0.3, 0.1), 0.5, "lower")
    assert judgement.verdict == "same within 64.9%"
    assert "too wide to decide" in (judgement.reason or "")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_than_five_blocks_decide_nothing(count: int) -> None:
    judgement = judge(log_ratio_interval([1.0] * count, [2.0] * count), None, "higher")
    assert judgement.verdict == "inconclusive"
    assert "a verdict needs 5" in (judgement.reason or "")


def test_the_floor_is_the_wider_side_of_the_control() -> None:
    assert noise_floor(an_interval(-0.03, 0.01)) == 0.03
    assert noise_floor(Interval(0.5, None, None, 1)) is None


@given(st.floats(0.02, 1.0))
def test_the_percentage_never_claims_more_than_the_bound(bound: float) -> None:
    said = float(percent_within(bound)) / 100
    assert said >= math.expm1(bound) - 1e-8
    assert said - math.expm1(bound) < 0.00101


def test_wider_bounds_say_larger_percentages() -> None:
    said = [float(percent_within(bound / 100)) for bound in range(2, 40)]
    assert all(a < b for a, b in pairwise(said))

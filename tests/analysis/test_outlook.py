from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.outlook import (
    MOST_MORE_BLOCKS,
    POWER,
    minimum_detectable_effect,
    more_blocks,
    outlook_of,
    with_more_blocks,
)
from analysis.runs.welch import unpaired_log_ratio
from analysis.stats import Interval, judge, noise_floor, t_interval

means = st.floats(-0.5, 0.5)
spreads = st.floats(1e-4, 0.5)
counts = st.integers(5, 20)


def an_interval(mean: float, spread: float, blocks: int) -> Interval:
    """Of `blocks` values with just this mean and standard deviation."""
    shape = np.linspace(-1, 1, blocks)
    return t_interval(list(mean + spread * shape / shape.std(ddof=1)))


def power(truth: float, spread: float, floor: float, blocks: int) -> float:
    """The share of experiments that call a true log ratio, by trying."""
    draw = np.random.default_rng([blocks, 17])
    samples = draw.normal(truth, spread, size=(4000, blocks))
    verdicts = [judge(t_interval(list(sample)), floor, "lower").verdict for sample in samples]
    return verdicts.count("slower") / len(verdicts)


@pytest.mark.parametrize("blocks", [5, 8, 12])
@pytest.mark.parametrize(
    ("spread", "floor"),
    [(0.05, 0.0), (0.05, 0.06), (0.05, 0.1), (0.004, 0.0), (0.004, 0.03)],
    ids=["alone", "floor", "wide", "nearly-same", "floor-above-2%"],
)
def test_the_effect_is_what_four_of_five_experiments_call(
    spread: float, floor: float, blocks: int
) -> None:
    effect = minimum_detectable_effect(an_interval(0.0, spread, blocks), floor)
    assert effect is not None
    assert power(effect, spread, floor, blocks) == pytest.approx(POWER, abs=0.02)


def test_by_the_book() -> None:
    # (t(4, 0.975) + t(4, 0.8)) ÷ √5 = (2.776445 + 0.940965) ÷ 2.236068
    effect = minimum_detectable_effect(an_interval(0.3, 1.0, 5), None)
    assert effect is not None
    assert effect == pytest.approx(1.662475, rel=0.02)
    ratio = outlook_of(an_interval(0.3, 1.0, 5), None, "lower").minimum_detectable_effect
    assert ratio == pytest.approx(math.expm1(effect))


def test_without_any_spread_the_floor_decides() -> None:
    still = an_interval(0.3, 0.0, 5)
    assert minimum_detectable_effect(still, 0.1) == 0.1
    assert minimum_detectable_effect(still, None) == pytest.approx(math.log(1.02))


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_fewer_blocks_than_a_verdict_needs_show_nothing(blocks: int) -> None:
    few = an_interval(0.1, 0.1, blocks) if blocks > 1 else t_interval([0.1])
    assert minimum_detectable_effect(few, 0.1) is None


@given(means, spreads, counts, st.integers(0, 30))
def test_more_blocks_are_those_that_were_measured(
    mean: float, spread: float, blocks: int, more: int
) -> None:
    grown = with_more_blocks(an_interval(mean, spread, blocks), more)
    measured = an_interval(mean, spread, blocks + more)
    assert grown.blocks == measured.blocks
    assert grown.low == pytest.approx(measured.low, abs=1e-9)
    assert grown.high == pytest.approx(measured.high, abs=1e-9)


def test_of_two_runs_each_gets_more_blocks() -> None:
    before, after = [1.0, 1.1, 0.9, 1.05, 0.95], [1.2, 1.3, 1.1, 1.25, 1.15]
    grown = with_more_blocks(unpaired_log_ratio(before, after), 5)
    twice = unpaired_log_ratio(before * 2, after * 2)
    # Twice the same values have n − 1 of 9 where the spread of one has 4: s shrinks by √(8/9).
    assert grown.high is not None
    assert twice.high is not None
    width, of_twice = grown.high - grown.mean, twice.high - twice.mean
    assert width == pytest.approx(of_twice * math.sqrt(9 / 8), rel=2e-3)


@given(means, spreads, st.floats(0.0, 0.3), counts)
def test_that_many_blocks_settle_it_and_fewer_do_not(
    mean: float, spread: float, floor: float, blocks: int
) -> None:
    interval = an_interval(mean, spread, blocks)
    more = more_blocks(interval, floor, "lower")
    tried = range(MOST_MORE_BLOCKS + 1) if more is None else range(more)
    for fewer in tried:
        said = judge(with_more_blocks(interval, fewer), floor, "lower").verdict
        assert said == "inconclusive"
    if more is not None:
        settled = judge(with_more_blocks(interval, more), floor, "lower").verdict
        assert settled != "inconclusive"


@given(means, spreads, st.floats(1.0, 4.0), st.floats(0.0, 0.3), counts)
def test_a_wider_spread_never_needs_fewer(
    mean: float, spread: float, wider: float, floor: float, blocks: int
) -> None:
    # On the floor's very edge rounding decides.
    assume(abs(abs(mean) - floor) > 1e-9)
    narrow = more_blocks(an_interval(mean, spread, blocks), floor, "higher")
    wide = more_blocks(an_interval(mean, spread * wider, blocks), floor, "higher")
    assert wide is None or (narrow is not None and narrow <= wide)


def test_the_floor_narrows_with_its_control() -> None:
    interval, control = an_interval(0.12, 0.06, 5), an_interval(0.01, 0.1, 5)
    floor = noise_floor(control)
    assert floor is not None
    assert floor > 0.12
    more = more_blocks(interval, floor, "lower", control)
    assert more is not None
    assert more > 0
    verdict = judge(
        with_more_blocks(interval, more), noise_floor(with_more_blocks(control, more)), "lower"
    ).verdict
    assert verdict == "slower"


@pytest.mark.parametrize(
    ("interval", "floor", "more", "words"),
    [
        (an_interval(0.5, 0.01, 5), 0.0, 0, None),
        (an_interval(0.05, 0.05, 5), 0.0, 2, "about 2 more blocks would settle it"),
        (an_interval(0.05, 0.043, 5), 0.0, 1, "about 1 more block would settle it"),
        (an_interval(0.02, 0.5, 5), 0.0, None, "more than 100 more blocks would be needed"),
        (t_interval([0.3]), None, None, None),
    ],
    ids=["settled", "two", "one", "many", "no-spread"],
)
def test_in_words(
    interval: Interval, floor: float | None, more: int | None, words: str | None
) -> None:
    outlook = outlook_of(interval, floor, "lower")
    assert outlook.more_blocks == more
    assert (outlook.words is None) if words is None else (outlook.words or "").startswith(words)

"""The statistics of a comparison. Pure functions of numbers, one number a block.

The block (a fresh start of every server and of the generator) is the unit: requests within a
block share its start-up luck, so counting them as independent would make every interval far too
narrow (Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, §4). Arms of one
block shared the same minutes of the same machine, so they are compared within it, as pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

Better = Literal["higher", "lower"]

CONFIDENCE = 0.95
BLOCKS_FOR_A_VERDICT = 5
SAME_AT_LEAST = math.log(1.02)
# Beyond this `same` is no news to anyone: p99 ratios of five blocks usually are.
COARSE = math.log(1.25)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over `blocks` values and its confidence interval; no bounds from a single value.

    `freedom`: the degrees of freedom behind it, where they are not `blocks` − 1.
    """

    mean: float
    low: float | None
    high: float | None
    blocks: int
    freedom: float | None = None

    def exp(self) -> Interval:
        """The interval of the geometric mean, when this one is of logarithms."""
        low, high = (None if b is None else math.exp(b) for b in (self.low, self.high))
        return Interval(math.exp(self.mean), low, high, self.blocks, self.freedom)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`faster`, `slower`, `same within x%` or `inconclusive`, the last with its `reason`."""

    verdict: str
    reason: str | None = None


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """mean ± t(n−1, (1+confidence)/2) · s/√n, s with n−1 in its divisor (Student 1908).

    Raises ValueError without values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if len(values) < 2:
        return Interval(mean, None, None, len(values))
    standard_error = float(sample.std(ddof=1)) / math.sqrt(len(values))
    half_width = float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * standard_error
    return Interval(mean, mean - half_width, mean + half_width, len(values))


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean of one arm over its blocks: geometric where every value is positive.

    Rates, times and sizes vary by factors, so their logarithms are the symmetric thing (Fleming
    & Wallace, CACM 29(3), 1986). With a zero among the values the mean is arithmetic, and its
    interval is cut at zero.
    """
    if all(value > 0 for value in values):
        return t_interval([math.log(value) for value in values]).exp()
    plain = t_interval(values)
    low = None if plain.low is None else max(0.0, plain.low)
    return Interval(plain.mean, low, plain.high, plain.blocks)


def log_ratio_interval(reference: Sequence[float], candidate: Sequence[float]) -> Interval:
    """The t interval of ln(candidate ÷ reference), paired by block.

    Raises ValueError unless both have the same length and every value is positive.
    """
    pairs = list(zip(reference, candidate, strict=True))
    if any(value <= 0 for pair in pairs for value in pair):
        raise ValueError("a ratio needs positive values")
    return t_interval([math.log(after / before) for before, after in pairs])


def noise_floor(control: Interval) -> float | None:
    """max(|low|, |high|) of the A/A log ratio: what two copies of one arm differ by. None when
    the control ran in fewer than two blocks."""
    if control.low is None or control.high is None:
        return None
    return max(abs(control.low), abs(control.high))


def judge(log_ratio: Interval, floor: float | None, better: Better) -> Judgement:
    """The verdict on a candidate, from the interval of ln(candidate ÷ reference).

    `same within x%` when the whole interval lies within ± max(floor, ln 1.02), a two-sided
    equivalence test (Schuirmann 1987); otherwise `inconclusive` when it includes no difference, or
    its middle, the estimate, lies within the floor; otherwise `faster` or `slower`. *Faster* means
    better by the metric's direction, for sizes too.

    Of 40,000 simulated comparisons in which nothing differs, 0.4 to 0.6% of 5, 8 and 12 blocks say
    faster or slower (`make aa` repeats that with the noise it measured). Asking only that the
    interval exclude no difference makes that 2.3, 3.1 and 3.7%; asking that the whole interval lie
    beyond the floor makes it 0.01%, and a difference must then be half as large again to be seen.
    The smallest difference that four of five experiments call is 2.1, 1.5 and 1.15 standard
    deviations of a block's log ratio. Without a control there is no floor, and up to 5% are wrong.
    """
    low, high = log_ratio.low, log_ratio.high
    if low is None or high is None or log_ratio.blocks < BLOCKS_FOR_A_VERDICT:
        has = "1 block" if log_ratio.blocks == 1 else f"{log_ratio.blocks} blocks"
        return Judgement("inconclusive", f"{has}; a verdict needs {BLOCKS_FOR_A_VERDICT}")
    bound = max(floor or 0.0, SAME_AT_LEAST)
    if max(abs(low), abs(high)) <= bound:
        return Judgement(f"same within {percent_within(bound)}%", _doubt(bound))
    if low <= 0 <= high:
        return Judgement("inconclusive", "the interval is too wide to decide")
    if floor is not None and abs(log_ratio.mean) <= floor:
        return Judgement("inconclusive", "two copies of one arm could differ by as much")
    return Judgement("faster" if (low > 0) == (better == "higher") else "slower")


def _doubt(bound: float) -> str | None:
    """A control this wide says more about the noise of this run than about the two arms."""
    if bound <= COARSE:
        return None
    return "two copies of one arm differed by as much: too wide to decide anything finer"


def percent_within(log_bound: float) -> str:
    """A log-ratio bound as a percentage, rounded up to a tenth so that it stays true."""
    return f"{math.ceil(round(math.expm1(log_bound) * 1000, 6)) / 10:g}"


def nearest_rank(values: Sequence[float], quantile: float) -> float:
    """The smallest of `values` that at least that share of them do not exceed; infinities rank.

    Raises ValueError without values.
    """
    if not values:
        raise ValueError("a quantile needs at least one value")
    rank = math.ceil(round(quantile * len(values), 9))
    return sorted(values)[max(rank, 1) - 1]

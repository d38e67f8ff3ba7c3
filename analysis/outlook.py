"""What a comparison could have shown, and what more blocks would make of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from analysis.stats import (
    BLOCKS_FOR_A_VERDICT,
    CONFIDENCE,
    SAME_AT_LEAST,
    Better,
    Interval,
    judge,
    noise_floor,
)

POWER = 0.8
# Nobody waits for more: a run of five blocks takes minutes, one of a hundred most of a night.
MOST_MORE_BLOCKS = 100
_QUANTILES = 200


@dataclass(frozen=True, slots=True)
class Outlook:
    """`minimum_detectable_effect` is a ratio's distance from 1 (0.04: 4%), None where this many
    blocks decide nothing. `more_blocks`: about how many more would settle the verdict, 0 for one
    that is settled, None where that cannot be said or is beyond `MOST_MORE_BLOCKS`. `words` say
    so of a verdict that is not settled."""

    minimum_detectable_effect: float | None = None
    more_blocks: int | None = None
    words: str | None = None


def outlook_of(
    log_ratio: Interval, floor: float | None, better: Better, control: Interval | None = None
) -> Outlook:
    """`floor` is what the verdict was given with, `control` the interval it comes from."""
    effect = minimum_detectable_effect(log_ratio, floor)
    more = more_blocks(log_ratio, floor, better, control)
    return Outlook(
        minimum_detectable_effect=None if effect is None else math.expm1(effect),
        more_blocks=more,
        words=None if log_ratio.high is None else _words(more),
    )


def minimum_detectable_effect(log_ratio: Interval, floor: float | None) -> float | None:
    """The smallest true log ratio that would be called faster or slower with probability 0.8, at
    the spread and the floor seen. None for fewer blocks than a verdict needs.

    Where neither the floor nor ± 2% has a say this is about (t(ν, 0.975) + t(ν, 0.8)) · s/√n
    (Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, §2, with Student's
    t for the normal deviates). In general an estimate has to pass the widest of the half width, the
    floor, and what keeps the interval from lying inside ± 2%; the power at δ is the mean, over how
    s can come out (s²ν/σ² is χ² with ν degrees of freedom), of Φ((δ − what to pass)·√n/σ).
    """
    if log_ratio.blocks < BLOCKS_FOR_A_VERDICT or log_ratio.high is None:
        return None
    bound, error = floor or 0.0, _standard_error(log_ratio)
    if error == 0:
        return max(bound, SAME_AT_LEAST)
    half_widths = (log_ratio.high - log_ratio.mean) * _spreads(_freedom(log_ratio))
    to_pass = np.maximum(np.maximum(half_widths, SAME_AT_LEAST - half_widths), bound)

    def lacking(effect: float) -> float:
        return float(ndtr((effect - to_pass) / error).mean()) - POWER

    return float(brentq(lacking, 0.0, float(to_pass.max()) + 10 * error))


def _spreads(freedom: float) -> NDArray[np.float64]:
    """How s ÷ σ can come out: evenly spaced quantiles of √(χ²(ν)/ν)."""
    above = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    spreads: NDArray[np.float64] = np.sqrt(chdtri(freedom, above) / freedom)
    return spreads


def more_blocks(
    log_ratio: Interval, floor: float | None, better: Better, control: Interval | None = None
) -> int | None:
    """About how many more blocks until `judge` decides, at the estimates and the spreads seen.

    The interval narrows as t(ν)/√n does, and so does the floor where its `control` is known; else
    it stays. 0 for a verdict that is settled; None without a spread, or beyond `MOST_MORE_BLOCKS`.
    """
    if log_ratio.high is None:
        return None
    for more in range(MOST_MORE_BLOCKS + 1):
        if control is not None:
            floor = noise_floor(with_more_blocks(control, more))
        verdict = judge(with_more_blocks(log_ratio, more), floor, better).verdict
        if verdict != "inconclusive":
            return more
    return None


def with_more_blocks(interval: Interval, more: int) -> Interval:
    """The same mean and spread, measured over `more` blocks besides; of two runs, in each."""
    if interval.high is None or more == 0:
        return interval
    blocks = interval.blocks + more
    freedom = _freedom(interval) * (blocks - 1) / (interval.blocks - 1)
    narrower = _standard_error(interval) * math.sqrt(interval.blocks / blocks)
    half_width = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * narrower
    return replace(
        interval,
        low=interval.mean - half_width,
        high=interval.mean + half_width,
        blocks=blocks,
        freedom=None if interval.freedom is None else freedom,
    )


def _words(more: int | None) -> str | None:
    if more == 0:
        return None
    if more is None:
        return f"more than {MOST_MORE_BLOCKS} more blocks would be needed to settle it"
    return f"about {more} more {'block' if more == 1 else 'blocks'} would settle it"


def _freedom(interval: Interval) -> float:
    return interval.blocks - 1 if interval.freedom is None else interval.freedom


def _standard_error(interval: Interval) -> float:
    if interval.high is None:
        raise ValueError("one value has no standard error")
    quantile = float(stdtrit(_freedom(interval), (1 + CONFIDENCE) / 2))
    return (interval.high - interval.mean) / quantile

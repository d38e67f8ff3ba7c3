"""How rare what was never seen may still be."""

from __future__ import annotations

import math

from analysis.stats import CONFIDENCE
from analysis.units import number


def rate_below(trials: int, confidence: float = CONFIDENCE) -> float:
    """The largest failure rate at which `trials` without a failure come to pass with probability
    1 − confidence: 1 − (1 − confidence)^(1/n), about 3/n at 95% (the "rule of three": Hanley &
    Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249(13), 1983).

    Raises ValueError for less than one trial.
    """
    if trials < 1:
        raise ValueError(f"a rate needs at least one trial; given {trials}")
    return -math.expm1(math.log1p(-confidence) / trials)


def rate_text(rate: float) -> str:
    """`0.38%`: two significant digits, rounded up so that "below" stays true."""
    percent = rate * 100
    step = 10.0 ** (math.floor(math.log10(percent)) - 1)
    up = math.ceil(round(percent / step, 6)) * step
    return f"{up:.3g}%" if up >= 0.001 else f"{number(up)}%"


def rate_words(trials: int) -> str:
    """`failure rate < 0.38% at 95%`"""
    return f"failure rate < {rate_text(rate_below(trials))} at {CONFIDENCE:.0%}"

"""Student's t intervals of paired rounds: what was measured side by side is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the two ends of its interval, in the unit of what was measured."""

    middle: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def exp(self) -> Interval:
        return Interval(math.exp(self.middle), math.exp(self.low), math.exp(self.high))

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f})"


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """mean ± t(n − 1) · s / √n (Student 1908). Raises ValueError for fewer than two values."""
    if len(values) < 2:
        raise ValueError(f"an interval needs two values; given {len(values)}")
    quantile = float(stdtrit(len(values) - 1, (1 + confidence) / 2))
    half = quantile * stdev(values) / math.sqrt(len(values))
    return Interval(mean(values), mean(values) - half, mean(values) + half)


def log_ratios(candidate: Sequence[float], reference: Sequence[float]) -> list[float]:
    """ln(candidate ÷ reference), round by round; both as long as each other and above 0."""
    return [math.log(a / b) for a, b in zip(candidate, reference, strict=True)]


def ratio_interval(candidate: Sequence[float], reference: Sequence[float]) -> Interval:
    """The geometric mean of candidate ÷ reference over rounds, and its interval."""
    return t_interval(log_ratios(candidate, reference)).exp()

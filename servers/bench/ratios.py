"""Paired ratios over rounds, with a t interval on their logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean of paired ratios, and its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def paired_ratio(candidate: Sequence[float], reference: Sequence[float]) -> Ratio:
    """`candidate` ÷ `reference`, round by round; at least two rounds, all values above 0.

    Student's t on the logarithms: drift that both sides of a round share cancels out.
    """
    logs = [math.log(ours / theirs) for ours, theirs in zip(candidate, reference, strict=True)]
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1))
    half = quantile * stdev(logs) / math.sqrt(len(logs))
    middle = fmean(logs)
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half))

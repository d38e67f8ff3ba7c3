"""A few trials of one thing: their middle and their range. Too few for an interval."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    """Of some trials: the median, the least, the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """None of nothing."""
        known = sorted(values)
        return cls(median(known), known[0], known[-1]) if known else None

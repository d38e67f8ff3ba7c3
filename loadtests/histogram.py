"""Histograms of nanoseconds: record, merge, quantile, to and from text.

Wraps the HDR library (http://hdrhistogram.org): three significant digits from 1 µs to 60 s, so a
quantile is right to 0.1% or half a microsecond. Values beyond the range count as its end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

# What the library lets through when a text is not one of its own.
_UNREADABLE = (ValueError, zlib.error, HdrCookieException, HdrLengthException)

LOWEST_NS = 1_000
HIGHEST_NS = 60_000_000_000
SIGNIFICANT_DIGITS = 3


class Histogram:
    """Counts of durations in nanoseconds. Mutable, merged only with its own kind."""

    __slots__ = ("_hdr",)

    def __init__(self, hdr: HdrHistogram | None = None) -> None:
        self._hdr = hdr or HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)

    @classmethod
    def of(cls, values_ns: Iterable[int]) -> Histogram:
        histogram = cls()
        histogram.record(values_ns)
        return histogram

    @classmethod
    def from_text(cls, text: str) -> Histogram:
        """Raises ValueError when `text` is not a histogram of this range and precision."""
        try:
            hdr = HdrHistogram.decode(text)
        except _UNREADABLE as error:
            raise ValueError(f"not an HDR histogram: {error}") from error
        kind = (hdr.lowest_trackable_value, hdr.highest_trackable_value, hdr.significant_figures)
        if kind != (LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS):
            raise ValueError(f"a histogram of another range or precision: {kind}")
        return cls(hdr)

    def to_text(self) -> str:
        return str(self._hdr.encode().decode("ascii"))

    def record(self, values_ns: Iterable[int]) -> None:
        record_value = self._hdr.record_value
        for value_ns in values_ns:
            record_value(min(max(value_ns, 0), HIGHEST_NS))

    def merge(self, other: Histogram) -> None:
        self._hdr.add(other._hdr)

    @property
    def count(self) -> int:
        return int(self._hdr.get_total_count())

    @property
    def total_ns(self) -> float:
        """The sum of the recorded values in ns, each as its step of the histogram has it."""
        counts = self._counts()
        used = np.flatnonzero(counts)
        return float(sum(counts[index] * self._middle(int(index)) for index in used))

    def quantile_ns(self, quantile: float) -> float | None:
        """The value in ns that `quantile` (0 … 1) of the recorded ones do not exceed, or None."""
        return self.quantiles_ns([quantile])[0]

    def quantiles_ns(self, quantiles: Iterable[float]) -> list[float | None]:
        """Several quantiles in one pass, each as `quantile_ns`."""
        cumulative = np.cumsum(self._counts())
        if self.count == 0:
            return [None for _ in quantiles]
        return [self._value_at(cumulative, quantile) for quantile in quantiles]

    def _value_at(self, cumulative: NDArray[np.int64], quantile: float) -> float:
        rank = max(1, int(np.ceil(quantile * self.count - 1e-9)))
        return self._middle(int(np.searchsorted(cumulative, rank)))

    def _middle(self, index: int) -> float:
        low = self._hdr.get_value_from_index(index)
        return float(low + (self._hdr.get_highest_equivalent_value(low) - low) / 2)

    def _counts(self) -> NDArray[np.int64]:
        return np.frombuffer(self._hdr.encoder.payload.counts, dtype=np.int64)

"""Revocation lags as two empirical distribution functions, with the truth between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtests.model import RevocationRecord

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LagBand:
    """Lags of one arm in seconds, infinite where a replica never refused."""

    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, trials: Iterable[RevocationRecord]) -> LagBand:
        """`trials` is not empty. One that let the user in to the end has no known lower end."""
        known = [
            (np.inf, np.inf) if t.lag_high_s is None else (t.lag_low_s, t.lag_high_s)
            for t in trials
        ]
        low, high = np.asarray(known, dtype=np.float64).T
        return cls(np.sort(low), np.sort(high))

    @property
    def trials(self) -> int:
        return len(self.high)

    @property
    def never(self) -> int:
        return int(np.isinf(self.high).sum())

    @property
    def longest_s(self) -> float | None:
        """The longest lag of a replica that refused in the end."""
        finite = self.high[np.isfinite(self.high)]
        return float(finite.max()) if len(finite) else None

    def steps(self, left_s: float, resolution_s: float, right_s: float) -> tuple[Numbers, ...]:
        """x, the share surely in by then at most (`high`), and at least (`low`).

        Lags below the resolution count as it; x runs from `left_s` to `right_s`.
        """
        low, high = (np.clip(side, resolution_s, None) for side in (self.low, self.high))
        inside = np.concatenate([low, high])
        ends = [left_s, np.sqrt(left_s * right_s), right_s]
        x = np.unique(np.concatenate([inside[np.isfinite(inside)], ends]))
        return x, _share(high, x), _share(low, x)


def _share(lags: Numbers, x: Numbers) -> Numbers:
    """The share of sorted `lags` that are at most each of `x`."""
    return np.searchsorted(lags, x, side="right") / len(lags)

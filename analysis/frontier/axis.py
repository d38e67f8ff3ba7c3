"""The axis of lag: logarithmic, from 100 µs to hours, and "never" beyond its end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.frontier.lags import Lag
from analysis.units import plain_seconds

_LEFT_S = 1e-4
_RIGHT_S = 3 * 3600.0
# How far beyond the last lag "never" stands, and where the break before it is.
_NEVER, _BREAK = 12.0, 3.0
_TICKS_S = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0, 864000.0)


@dataclass(frozen=True, slots=True)
class LagAxis:
    """`resolution_s` is the finest spacing of probes: what lies left of it was not measured."""

    left_s: float
    break_s: float
    never_s: float
    resolution_s: float

    @classmethod
    def of(cls, lags: Iterable[Lag], resolution_s: float) -> LagAxis:
        known = [each for lag in lags for each in (lag.seconds, lag.law_s) if each is not None]
        right_s = max([_RIGHT_S, *(2 * each for each in known)])
        left_s = min([_LEFT_S, *([resolution_s / 4] if resolution_s else [])])
        return cls(left_s, right_s * _BREAK, right_s * _NEVER, resolution_s)

    @property
    def right_s(self) -> float:
        return self.never_s * 2.0

    def place(self, seconds: float | None) -> float:
        """Where a lag is drawn: what is shorter than the axis at its left end, None at never."""
        return self.never_s if seconds is None else max(seconds, self.left_s)

    def share(self, seconds: float | None) -> float:
        """The same as a share of the axis, 0 at its left end."""
        whole = math.log(self.right_s / self.left_s)
        return math.log(self.place(seconds) / self.left_s) / whole

    @property
    def ticks(self) -> list[tuple[float, str]]:
        inside = [t for t in _TICKS_S if self.left_s <= t < self.break_s]
        return [*((t, plain_seconds(t)) for t in inside), (self.never_s, "never")]

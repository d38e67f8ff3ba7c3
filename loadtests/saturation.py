"""Tells during a probe that a server falls behind, from looks at what waits. Pure.

Past saturation requests arrive faster than they are answered, so those under way and the lag of
the answers grow together without end. Near it both swing widely and come back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

LOOK_EVERY_S = 0.05
# A stretch of noise seldom rises steadily for so long; a queue that grows does.
TREND_S = 0.5
# With answers this much later than the limit allows, over a hundredth of a probe is late already.
OVERDUE_LIMITS = 3.0
# Poisson arrivals in a stretch scatter by the square root of their number, and answers as much.
SCATTERS = 4.0


class Look(NamedTuple):
    """One look: requests due and not yet answered, and how late the latest answers were."""

    at_s: float
    unanswered: int
    lag_s: float


class SaturationWatch:
    """Told of looks at a probe of `rate_rps` whose p99 should stay within `limit_s`."""

    def __init__(self, rate_rps: float, limit_s: float) -> None:
        self._rate_rps = rate_rps
        self._limit_s = limit_s
        self._looks: deque[Look] = deque()

    def sees(self, look: Look) -> bool:
        """Whether the server has fallen behind for good, as far as can be told by now.

        By Little's law (Operations Research 9(3), 1961) rate × limit requests are under way when
        each takes as long as the limit; more are too many already.
        """
        self._looks.append(look)
        while len(self._looks) > 1 and look.at_s - self._looks[1].at_s >= TREND_S:
            self._looks.popleft()
        if look.unanswered <= self._rate_rps * self._limit_s:
            return False
        return look.lag_s > OVERDUE_LIMITS * self._limit_s or self._rises()

    def _rises(self) -> bool:
        """Whether both have grown through the whole stretch, and by more than arrivals scatter."""
        watched_s = self._looks[-1].at_s - self._looks[0].at_s
        if watched_s < TREND_S:
            return False
        grown = watched_s * self._slope(lambda look: look.unanswered)
        scatter = math.sqrt(self._rate_rps * watched_s)
        return grown > SCATTERS * scatter and self._slope(lambda look: look.lag_s) > 0

    def _slope(self, read: Callable[[Look], float]) -> float:
        return slope([look.at_s for look in self._looks], [read(look) for look in self._looks])


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line through the points; 0 where all x are the same."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    if spread == 0:
        return 0.0
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread

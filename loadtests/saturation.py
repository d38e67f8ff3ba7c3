"""Tells during a probe that a server falls behind, from looks at what waits. Pure.

Past saturation requests fall due faster than they are answered, so their number under way and the
age of the oldest grow together without end. Near it both swing widely and come back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

LOOK_EVERY_S = 0.05
# Noise seldom rises steadily for so long; a queue that grows does.
TREND_S = 0.5
# What p99 may lose.
LATE_SHARE = 0.01
# Poisson arrivals in a stretch scatter by the square root of their number, and answers as much.
SCATTERS = 4.0


class Look(NamedTuple):
    """One look: requests due and not yet answered, and how long the oldest has been due."""

    at_s: float
    unanswered: int
    lag_s: float


class SaturationWatch:
    """Told of looks at a probe of `rate_rps` whose p99 should stay within `limit_s`.

    `probe_s` is how long it would last.
    """

    def __init__(self, rate_rps: float, limit_s: float, probe_s: float) -> None:
        self._rate_rps = rate_rps
        self._limit_s = limit_s
        # What fell due between then and the limit is late for certain, and more than p99 may lose.
        self._overdue_s = limit_s + LATE_SHARE * probe_s
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
        return look.lag_s > self._overdue_s or self._rises()

    def _rises(self) -> bool:
        """Whether requests under way have grown through the stretch by more than arrivals scatter,
        and the lag with them: what grows by a burst alone is no older for it."""
        watched_s = self._looks[-1].at_s - self._looks[0].at_s
        if watched_s < TREND_S:
            return False
        grown = watched_s * self._slope(lambda look: look.unanswered)
        scatter = math.sqrt(self._rate_rps * watched_s)
        later_s = watched_s * self._slope(lambda look: look.lag_s)
        return grown > SCATTERS * scatter and later_s > grown / self._rate_rps / 2

    def _slope(self, read: Callable[[Look], float]) -> float:
        return slope([look.at_s for look in self._looks], [read(look) for look in self._looks])


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line through the points; 0 where all x are the same."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((each - mean_x) ** 2 for each in x)
    if spread == 0:
        return 0.0
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread

"""What a proxy really added to round trips: counts by whole microseconds, and their quantiles."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from loadtests.model import AddedDelay

_NS_PER_US = 1_000
_US_PER_S = 1_000_000


class Tally:
    """Counts round trips; memory grows with the spread of their times, not with their number."""

    def __init__(self) -> None:
        self._held_us: Counter[int] = Counter()
        self._trip_us: Counter[int] = Counter()

    def count(self, held_ns: int, trip_ns: int) -> None:
        self._held_us[held_ns // _NS_PER_US] += 1
        self._trip_us[trip_ns // _NS_PER_US] += 1

    def take(self, asked_s: float) -> AddedDelay:
        """What was counted since this was last asked; `asked_s` is passed on."""
        held_us, trip_us = self._held_us, self._trip_us
        self._held_us, self._trip_us = Counter(), Counter()
        return AddedDelay(
            asked_s,
            held_us.total(),
            quantile_s(held_us, 0.5),
            quantile_s(held_us, 0.99),
            quantile_s(held_us, 1.0),
            quantile_s(trip_us, 0.5),
            quantile_s(trip_us, 0.99),
        )


def quantile_s(counts_us: Counter[int], fraction: float) -> float | None:
    """The smallest value that at least `fraction` of all do not exceed; None of none."""
    wanted = fraction * counts_us.total()
    values_us = sorted(counts_us)
    running = accumulate(counts_us[value_us] for value_us in values_us)
    return next(
        (
            value_us / _US_PER_S
            for value_us, count in zip(values_us, running, strict=True)
            if count >= wanted
        ),
        None,
    )

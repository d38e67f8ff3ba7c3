"""What a proxy really added to round trips: counts by whole microseconds, and their quantiles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

_NS_PER_US = 1_000
_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class AddedDelay:
    """Of the `round_trips` that ended since this was last asked for, with `asked_s` set at the end.

    `p50_s`, `p99_s`, `max_s`: how long the proxy held a request and its answer, together.
    `trip_p50_s`, `trip_p99_s`: from a request's arrival to its answer's leaving, with what the
    store took; a read that blocks at the store counts with its wait. None without round trips.
    """

    asked_s: float
    round_trips: int
    p50_s: float | None
    p99_s: float | None
    max_s: float | None
    trip_p50_s: float | None
    trip_p99_s: float | None


class Tally:
    """Counts round trips; memory grows with the spread of their times, not with their number."""

    def __init__(self) -> None:
        self._held_us: Counter[int] = Counter()
        self._trip_us: Counter[int] = Counter()

    def count(self, held_ns: int, trip_ns: int) -> None:
        self._held_us[held_ns // _NS_PER_US] += 1
        self._trip_us[trip_ns // _NS_PER_US] += 1

    def take(self, asked_s: float) -> AddedDelay:
        """What was counted, and begins anew."""
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

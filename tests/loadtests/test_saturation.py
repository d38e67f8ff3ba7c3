from __future__ import annotations

import random

import pytest

from loadtests.saturation import LOOK_EVERY_S, Look, SaturationWatch, slope

PROBE_S = 5.0
STEP_S = 1.0
CASES = [
    pytest.param(rate_rps, limit_s, id=f"{rate_rps}rps-{limit_s * 1e3:g}ms")
    for rate_rps, limit_s in [
        (500, 0.05), (500, 0.1), (2_000, 0.02), (2_000, 0.2), (8_000, 0.01), (8_000, 0.02),
        (8_000, 0.1), (30_000, 0.005), (30_000, 0.02),
    ]
]  # fmt: skip


class Queue:
    """A server that answers one request after the other, each as fast as it can."""

    def __init__(self, rate_rps: float, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311
        self._rate_rps = rate_rps
        self._due_s = self._draw.expovariate(rate_rps)
        self._free_s = 0.0
        self._ahead: list[tuple[float, float]] = []

    def look(self, at_s: float, capacity_rps: float) -> Look:
        """What there is to see at `at_s`, when it answers `capacity_rps` from the last look on."""
        while self._due_s <= at_s:
            self._free_s = max(self._free_s, self._due_s) + 1 / capacity_rps
            self._ahead.append((self._due_s, self._free_s))
            self._due_s += self._draw.expovariate(self._rate_rps)
        self._ahead = [(due_s, done_s) for due_s, done_s in self._ahead if done_s > at_s]
        oldest_s = self._ahead[0][0] if self._ahead else at_s
        return Look(at_s, len(self._ahead), at_s - oldest_s)


def seen_at_s(rate_rps: float, limit_s: float, load: float, seed: int) -> float:
    """When the watch tells that the server is behind, which has room to spare until STEP_S and
    then a load of `load`. Infinite: not by the probe's end."""
    watch, queue = SaturationWatch(rate_rps, limit_s, PROBE_S), Queue(rate_rps, seed)
    for number in range(1, round(PROBE_S / LOOK_EVERY_S)):
        at_s = number * LOOK_EVERY_S
        capacity_rps = rate_rps / (load if at_s > STEP_S else 0.5)
        if watch.sees(queue.look(at_s, capacity_rps)):
            return at_s
    return float("inf")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate_rps", "limit_s"), CASES)
def test_a_step_beyond_capacity_is_seen_within_two_seconds(
    rate_rps: float, limit_s: float, seed: int
) -> None:
    assert STEP_S < seen_at_s(rate_rps, limit_s, load=1.2, seed=seed) <= STEP_S + 2.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate_rps", "limit_s"), CASES)
def test_a_step_to_four_fifths_of_capacity_is_none(
    rate_rps: float, limit_s: float, seed: int
) -> None:
    assert seen_at_s(rate_rps, limit_s, load=0.8, seed=seed) == float("inf")


def looks(lags_s: list[float], unanswered: list[int]) -> list[Look]:
    rows = zip(lags_s, unanswered, strict=True)
    return [Look(i * LOOK_EVERY_S, waiting, lag_s) for i, (lag_s, waiting) in enumerate(rows)]


RISING = [120 * i for i in range(20)]
LATER = [0.02 + 0.0065 * i for i in range(20)]


@pytest.mark.parametrize(
    ("told", "saturated"),
    [
        (looks(LATER, RISING), True),
        # Requests pile up, but none is older: a burst, not a queue.
        (looks([0.11] * 20, RISING), False),
        # Too few looks for a trend.
        (looks(LATER[:8], RISING[:8]), False),
        # Late, but no more under way than the limit allows.
        (looks([1.0] * 20, [10] * 20), False),
        # More of the probe is late than p99 may lose, at the first look.
        (looks([0.16], [1_001]), True),
        (looks([0.14], [1_001]), False),
        # More and older, but by no more than arrivals scatter.
        (looks([0.11 + 0.0015 * i for i in range(20)], [1_100 + 20 * i for i in range(20)]), False),
        # Many, but no more than before.
        (looks([0.12] * 20, [1_500] * 20), False),
    ],
    ids=["rises", "burst", "short", "few", "overdue", "late", "scatter", "level"],
)
def test_what_the_watch_tells(told: list[Look], saturated: bool) -> None:
    watch = SaturationWatch(rate_rps=10_000, limit_s=0.1, probe_s=5.0)
    assert any(watch.sees(look) for look in told) is saturated


def test_a_trend_is_of_the_last_stretch_alone() -> None:
    level = [Look(i * LOOK_EVERY_S, 10, 0.001) for i in range(100)]
    rise = [Look((100 + i) * LOOK_EVERY_S, 10 + 100 * i, 0.01 * i) for i in range(12)]
    watch = SaturationWatch(rate_rps=10_000, limit_s=0.1, probe_s=5.0)
    assert [watch.sees(look) for look in level + rise].index(True) <= 110


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [([0, 1, 2], [1, 3, 5], 2.0), ([0, 1, 2], [0, 3, 0], 0.0), ([4], [7], 0.0)],
    ids=["line", "peak", "point"],
)
def test_a_slope(x: list[float], y: list[float], expected: float) -> None:
    assert slope(x, y) == pytest.approx(expected)

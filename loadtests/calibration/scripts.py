"""What a scripted server does before it answers. Pure; a seeded dice gives the delays."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

MS = 1e-3

# Seconds to wait before one answer.
Delay = Callable[[Random], float]

# Far from p90 and p99, which would stand on a cliff.
_SLOW_SHARE = 0.05
_LOG_NORMAL_MEDIAN_S = 1 * MS
_LOG_NORMAL_SIGMA = 0.5


def none(_dice: Random) -> float:
    return 0.0


def one_ms(_dice: Random) -> float:
    return 1 * MS


def bimodal(dice: Random) -> float:
    """Mostly 0.5 ms, now and then 20 ms: a cache and its misses."""
    return 20 * MS if dice.random() < _SLOW_SHARE else 0.5 * MS


def log_normal(dice: Random) -> float:
    """A long tail: median 1 ms, p99 3.2 ms, p99.9 4.7 ms."""
    return dice.lognormvariate(0.0, _LOG_NORMAL_SIGMA) * _LOG_NORMAL_MEDIAN_S


SCRIPTS: dict[str, Delay] = {
    "none": none,
    "1 ms": one_ms,
    "bimodal": bimodal,
    "log-normal": log_normal,
}

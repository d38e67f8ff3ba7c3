"""The percentiles that the picture of coordinated omission is drawn from. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from loadtests.calibration.locust_numbers import LocustNumbers
from loadtests.calibration.truth import quantile_ns
from loadtests.histogram import Histogram
from loadtests.model import StallPicture, WaitCurve
from loadtests.pacing import NS_PER_S

if TYPE_CHECKING:
    from loadtests.calibration.scripted import Truth
    from loadtests.calibration.stalls import Seen

_POINTS = 121
_LEAST_BEYOND = 10

# From a quantile (0 … 1) to ms.
Percentile = Callable[[float], float]


def picture_of(
    rate_rps: float, truth: Truth, many: Seen, few: Seen, locust: LocustNumbers
) -> StallPicture:
    """Stalls outside the longer schedule are left out; times count from its first due."""
    first_ns, last_ns = int(many.dues_ns[0]), int(many.dues_ns[-1])
    stalls_s = tuple(
        ((began_ns - first_ns) / NS_PER_S, (ended_ns - first_ns) / NS_PER_S)
        for began_ns, ended_ns in truth.stalls_ns
        if ended_ns > first_ns and began_ns < last_ns
    )

    def true_ms(quantile: float) -> float:
        return quantile_ns(many.waits_ns, quantile) / 1e6

    return StallPicture(
        rate_rps=rate_rps,
        duration_s=(last_ns - first_ns) / NS_PER_S,
        stalls_s=stalls_s,
        curves=(
            _curve("what the stalls make of the schedule", len(many.waits_ns), true_ms),
            _recorded(f"response time, {many.users} users", many.response),
            _recorded(f"response time, {few.users} users", few.response),
            _recorded(f"service time, {few.users} users", few.service),
            _curve(f"Locust's own, {few.users} users", locust.requests, locust.percentile_ms),
        ),
    )


def drawn_quantiles(samples: int) -> list[float]:
    """From the median to the last with ten samples beyond it, even in nines."""
    last = math.log10(max(samples, 2 * _LEAST_BEYOND) / _LEAST_BEYOND)
    return [float(1 - 10**-nines) for nines in np.linspace(math.log10(2), last, _POINTS)]


def _curve(name: str, samples: int, percentile_ms: Percentile) -> WaitCurve:
    quantiles = drawn_quantiles(samples)
    values_ms = (round(percentile_ms(quantile), 4) for quantile in quantiles)
    return WaitCurve(name, samples, tuple(round(q, 7) for q in quantiles), tuple(values_ms))


def _recorded(name: str, histogram: Histogram) -> WaitCurve:
    return _curve(name, histogram.count, lambda q: (histogram.quantile_ns(q) or 0.0) / 1e6)

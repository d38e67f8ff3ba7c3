"""What the generator itself can do here: requests a core, and how late they leave at a rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.calibration.at_static import slices_at_static
from loadtests.calibration.drive import a_phase
from loadtests.checks.phases import DISPATCH_LAG_P99_LIMIT_NS, OFFERED_RATE_TOLERANCE
from loadtests.model import DispatchLimit, GeneratorLimits, Load, Placement, SliceRecord

RATES_RPS = (1_000.0, 2_000.0, 5_000.0, 10_000.0)
_USERS = 32
_SLICE_S = 2.0
_GUARD_S = 0.3


def measured_limits(
    placement: Placement, rates_rps: Sequence[float] = RATES_RPS
) -> GeneratorLimits:
    """Raises MeasurementError when a server or the generator dies."""
    _, results = measure_dispatch(rates_rps, placement)
    against, record = _flat_out(placement)
    generator_s = record.cpu_s.generator or 0.0
    return GeneratorLimits(
        against=against,
        reached_rps=record.completed / record.drained_after_s,
        busy=generator_s / record.drained_after_s,
        cpu_us_per_request=1e6 * generator_s / record.completed,
        dispatch=dispatch_limits(results),
    )


def dispatch_limits(results: Iterable[DispatchResult]) -> tuple[DispatchLimit, ...]:
    """One a rate, in ascending order: the median of its slices by how late they left."""
    by_rate: dict[float, list[DispatchResult]] = defaultdict(list)
    for result in results:
        by_rate[result.rate_rps].append(result)
    return tuple(_limit(rate_rps, slices) for rate_rps, slices in sorted(by_rate.items()))


def _limit(rate_rps: float, slices: Sequence[DispatchResult]) -> DispatchLimit:
    by_lag = sorted(slices, key=lambda result: result.lag_p99_us)
    median = by_lag[(len(by_lag) - 1) // 2]
    share = min(result.offered / result.expected for result in slices)
    in_time = (
        median.lag_p99_us * 1e3 <= DISPATCH_LAG_P99_LIMIT_NS and share >= 1 - OFFERED_RATE_TOLERANCE
    )
    return DispatchLimit(rate_rps, share, median.lag_p50_us, median.lag_p99_us, in_time)


def _flat_out(placement: Placement) -> tuple[str, SliceRecord]:
    """A closed loop of the real path."""
    flat_out = a_phase("flat out", Load("closed", users=_USERS), _SLICE_S, _GUARD_S)
    server, (record,) = slices_at_static([flat_out], _USERS, placement)
    return server, record

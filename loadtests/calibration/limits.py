"""What the generator itself can do here: requests a core, and how late they leave at a rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.bench.static_server import static_server
from loadtests.calibration.drive import a_phase, begin, finish, order_for
from loadtests.checks.phases import DISPATCH_LAG_P99_LIMIT_NS, OFFERED_RATE_TOLERANCE
from loadtests.generator import start_generator
from loadtests.messages import ReplicaAddress
from loadtests.model import DispatchLimit, GeneratorLimits, Load, Placement, SliceRecord

RATES_RPS = (1_000.0, 2_000.0, 5_000.0, 10_000.0)
_USERS = 32
_SLICE_S = 2.0
_GUARD_S = 0.3
_WARM_UP_S = 0.3
_SEED = 3


def measured_limits(
    placement: Placement, rates_rps: Sequence[float] = RATES_RPS
) -> GeneratorLimits:
    """Raises MeasurementError when a server or the generator dies."""
    dispatch = dispatch_limits(measure_dispatch(rates_rps))
    against, record = _flat_out(placement)
    generator_s = record.cpu_s.generator or 0.0
    return GeneratorLimits(
        against=against,
        reached_rps=record.completed / record.drained_after_s,
        busy=generator_s / record.drained_after_s,
        cpu_us_per_request=1e6 * generator_s / record.completed,
        dispatch=dispatch,
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
    """A closed loop of the real path against a server that does nothing."""
    with start_generator(_USERS) as generator, static_server(placement.server_cpus) as server:
        at = urlsplit(server.url)
        address = ReplicaAddress(at.hostname or "127.0.0.1", at.port or 80)
        load = Load("closed", users=_USERS)
        order = order_for(
            {"static": address},
            [a_phase("flat out", load, _SLICE_S, _GUARD_S)],
            [("flat out", "static")],
            pool_users=_USERS,
            placement=placement,
            seed=_SEED,
            warm_up_s=_WARM_UP_S,
        )
        walked = finish(order, begin(generator, order, lambda: None))
    (record,) = walked.records.values()
    return server.name, record

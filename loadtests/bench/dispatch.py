"""How exactly requests leave: the real path, at given rates, at a server that outruns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.calibration.at_static import slices_at_static
from loadtests.calibration.drive import a_phase
from loadtests.checks import merged
from loadtests.model import Load, LoadModel, Placement, SliceRecord

SLICE_S = 2.0
ROUNDS = 3
_GUARD_S = 0.2
_USERS = 64


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """`expected` requests of the rate, `offered` those sent within the slice, and the lag of those
    due there."""

    model: LoadModel
    rate_rps: float
    expected: float
    offered: int
    lag_p50_us: float
    lag_p99_us: float


def measure_dispatch(
    rates_rps: Sequence[float], placement: Placement
) -> tuple[str, list[DispatchResult]]:
    """The server's name, and three slices a rate. Raises MeasurementError when a server or the
    generator dies."""
    # Constant due times: with Poisson ones the count itself scatters by more than 0.5%.
    phases = [
        a_phase(f"constant-{rate_rps:.0f}", Load("constant", rate_rps=rate_rps), SLICE_S, _GUARD_S)
        for rate_rps in rates_rps
    ]
    server, records = slices_at_static(phases, _USERS, placement, ROUNDS)
    return server, [_result(record) for record in records]


def _result(record: SliceRecord) -> DispatchResult:
    rate_rps = record.load.rate_rps or 0.0
    lag = merged([record.dispatch_lag]).quantiles_ns([0.5, 0.99])
    return DispatchResult(
        model=record.load.model,
        rate_rps=rate_rps,
        expected=rate_rps * SLICE_S,
        offered=record.sent or 0,
        lag_p50_us=(lag[0] or 0.0) / 1e3,
        lag_p99_us=(lag[1] or 0.0) / 1e3,
    )

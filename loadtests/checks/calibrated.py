"""Findings from what the generator was calibrated to do here. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtests.checks.rules import BEYOND_CALIBRATION
from loadtests.model import CalibrationNote, Finding, GeneratorLimits, Phase, SliceRecord


def calibration_findings(
    phase: Phase,
    arm: str,
    slices: Sequence[SliceRecord],
    calibration: CalibrationNote | None,
    generators: int = 1,
) -> Iterator[Finding]:
    """Warnings about one arm in one phase; none without a calibration, or without slices.

    One generator was calibrated; each of `generators` with a core of its own does as much.
    """
    limits = calibration.limits if calibration is not None else None
    if limits is None or not slices:
        return
    rate_rps = phase.load.rate_rps
    share_rps = (rate_rps or 0.0) / generators
    if phase.kind == "latency" and share_rps > limits.in_time_rps:
        detail = f"{share_rps:,.0f} req/s, {_seen(limits)}"
        yield BEYOND_CALIBRATION.found(arm, phase.name, detail)


def _seen(limits: GeneratorLimits) -> str:
    late = next((limit for limit in limits.dispatch if not limit.in_time), None)
    if late is not None:
        return (
            f"in time up to {limits.in_time_rps:,.0f}, at {late.rate_rps:,.0f} the lag had a p99 "
            f"of {late.lag_p99_us / 1e3:.2f} ms and {late.offered_share:.1%} were sent"
        )
    return f"no more than {limits.in_time_rps:,.0f} were tried"

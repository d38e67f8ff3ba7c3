"""How far the harness was off when it was measured against a known answer, in words."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.units import number, rate, seconds, share
from loadtests.model import CalibrationCheck, CalibrationNote, GeneratorLimits, RunRecord


def calibration_sentences(run: RunRecord) -> tuple[str, ...]:
    """What stands below the verdict of every report."""
    if run.calibration is None:
        return (
            "Not calibrated on this machine: `make calibrate` measures the harness against a "
            "known answer.",
        )
    return note_sentences(run.calibration)


def note_sentences(note: CalibrationNote) -> tuple[str, ...]:
    """How many checks passed, the worst error of every percentile, and the generator's limits."""
    return tuple(_said(note))


def _said(note: CalibrationNote) -> Iterator[str]:
    day = note.measured_at.partition("T")[0]
    judged = note.passed + note.failed + note.undecided
    asides = {"undecided": note.undecided, "left out": note.left_out}
    aside = "".join(f", {count} {what}" for what, count in asides.items() if count)
    outcome = f"{note.passed} of {judged} checks passed{aside}"
    warning = (
        " Calibrate again before trusting a percentile." if note.failed or note.undecided else ""
    )
    worst = "; ".join(map(_worst, note.worst))
    farthest = f" Farthest off: {worst}." if worst else ""
    yield f"The harness measured against a known answer ({day}): {outcome}.{farthest}{warning}"
    if note.limits is not None:
        yield _limits(note.limits)


def _worst(check: CalibrationCheck) -> str:
    """`p99 0.25 ms or 1.20% (response, open 2,000/s, bimodal)`"""
    if check.truth is None or check.measured is None:
        raise ValueError("a check without numbers is never the worst")
    error_ms = abs(check.measured - check.truth)
    # Of a true time near zero an error is not worth a percentage.
    relative = f" or {share(error_ms / check.truth)}" if check.truth > error_ms else ""
    clock, _, percentile = check.quantity.rpartition(" ")
    return f"{percentile} {seconds(error_ms / 1e3)}{relative} ({clock}, {check.about})"


def _limits(limits: GeneratorLimits) -> str:
    return (
        f"The generator's own limits there: {rate(limits.max_rps)} of its core "
        f"({number(limits.cpu_us_per_request)} µs of CPU each), and requests that leave in time up "
        f"to {rate(limits.in_time_rps)} ({_lags(limits)})."
    )


def _lags(limits: GeneratorLimits) -> str:
    lags = (f"{limit.lag_p99_us:,.0f} µs at {limit.rate_rps:,.0f}" for limit in limits.dispatch)
    return f"p99 of sent − due {', '.join(lags)}"

"""What a slice recorded against what its server stamped. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from loadtests.calibration.scripted import Nanoseconds
from loadtests.calibration.truth import Expected, quantile_ns
from loadtests.checks import merged
from loadtests.checks.phases import CALIBRATED_BUSY
from loadtests.histogram import Histogram
from loadtests.model import CalibrationCheck, SliceRecord

# Beyond it requests queue for a core, and the two clocks no longer mean the same moment.
LOAD_LIMIT = CALIBRATED_BUSY
# The way over the loopback device and a waking, which the client rightly sees.
ALLOWED_NS = 300_000.0
ALLOWED_SHARE = 0.03
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
# With fewer, less than ten samples lie beyond the quantile.
LEAST_SAMPLES = {"p50": 1, "p90": 100, "p99": 1_000, "p99.9": 10_000}
GOAL = f"{ALLOWED_SHARE:.0%} or {ALLOWED_NS / 1e3:.0f} µs"


def judged_slice(
    about: str, record: SliceRecord, wanted: Expected, usable_cpus: int
) -> Iterator[CalibrationCheck]:
    """Counts, then percentiles of service time and, in an open loop, of response time."""
    endpoints = record.endpoints.values()
    counted = sum(count for endpoint in endpoints for count in endpoint.outcomes.values())
    yield judged_count(about, len(wanted.service_ns), counted, _at_the_edges(record))
    doubt = doubt_of(record, usable_cpus)
    service = merged(endpoint.service for endpoint in endpoints)
    yield from judged_quantiles(about, "service", wanted.service_ns, service, doubt)
    if wanted.response_ns is not None:
        response = merged(endpoint.response for endpoint in endpoints)
        yield from judged_quantiles(about, "response", wanted.response_ns, response, doubt)


def doubt_of(record: SliceRecord, usable_cpus: int) -> str | None:
    """Why the goal does not hold for a slice; None where it does."""
    if usable_cpus < 2:
        return "one CPU, on which client and server take turns"
    if record.cpu_s.server is None or record.cpu_s.generator is None:
        return "CPU time could not be read, and the goal depends on it"
    busy = max(record.cpu_s.server, record.cpu_s.generator) / record.drained_after_s
    if busy >= LOAD_LIMIT:
        return f"a core was {busy:.0%} busy, the goal holds below {LOAD_LIMIT:.0%}"
    return None


def judged_count(about: str, truth: int, measured: int, allowed: int) -> CalibrationCheck:
    """No request lost, none counted twice."""
    return CalibrationCheck(
        about,
        "requests",
        "requests",
        f"± {allowed}" if allowed else "equal",
        truth,
        measured,
        allowed,
        "pass" if abs(measured - truth) <= allowed else "fail",
    )


def judged_quantiles(
    about: str, clock: str, truth_ns: Nanoseconds, measured: Histogram, doubt: str | None = None
) -> Iterator[CalibrationCheck]:
    """Left out, with the reason, where there is a `doubt` or too few samples."""
    for name, quantile in QUANTILES.items():
        quantity = f"{clock} {name}"
        least = LEAST_SAMPLES[name]
        if doubt is not None:
            yield left_out(about, quantity, GOAL, doubt)
        elif len(truth_ns) < least:
            yield left_out(about, quantity, GOAL, f"{len(truth_ns):,} samples, {least:,} needed")
        else:
            true_ns = quantile_ns(truth_ns, quantile)
            allowed_ns = max(ALLOWED_SHARE * true_ns, ALLOWED_NS)
            yield judged(about, quantity, GOAL, true_ns, measured.quantile_ns(quantile), allowed_ns)


def judged(
    about: str,
    quantity: str,
    goal: str,
    truth_ns: float,
    measured_ns: float | None,
    allowed_ns: float,
) -> CalibrationCheck:
    """Fails also where nothing was measured."""
    met = measured_ns is not None and abs(measured_ns - truth_ns) <= allowed_ns
    return CalibrationCheck(
        about,
        quantity,
        "ms",
        goal,
        truth_ns / 1e6,
        None if measured_ns is None else measured_ns / 1e6,
        allowed_ns / 1e6,
        "pass" if met else "fail",
        None if measured_ns is not None else "nothing was measured",
    )


def left_out(about: str, quantity: str, goal: str, reason: str) -> CalibrationCheck:
    return CalibrationCheck(about, quantity, "ms", goal, None, None, None, "left out", reason)


def failed(about: str, quantity: str, goal: str, reason: str) -> CalibrationCheck:
    return CalibrationCheck(about, quantity, "ms", goal, None, None, None, "fail", reason)


def _at_the_edges(record: SliceRecord) -> int:
    """In a closed loop each user may have one request on its way at either end."""
    return 2 * (record.load.users or 0) if not record.load.is_open else 0

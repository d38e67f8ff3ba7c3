"""Slices -> findings: named reasons to doubt a measurement, each with advice. Pure.

Thresholds stand beside their reason. A finding about an arm in a phase is judged on the phase's
slices together, so that one odd second does not condemn a run.
"""

from loadtests.checks.calibrated import (
    calibration_findings,
)
from loadtests.checks.clocks import clock_findings
from loadtests.checks.distances import (
    distance_findings,
)
from loadtests.checks.measures import (
    disturbance,
    error_rate,
    generator_busy,
    is_disturbed,
    is_success,
    meets,
    merged,
    probe_p99_ms,
    server_busy,
)
from loadtests.checks.outages import LEAST_LEFT_S, outage_findings
from loadtests.checks.phases import (
    disturbance_findings,
    phase_findings,
    slice_findings,
)
from loadtests.checks.revocations import (
    revocation_findings,
)
from loadtests.checks.runs import (
    missing_findings,
    run_findings,
)
from loadtests.checks.searches import (
    search_findings,
)
from loadtests.checks.tabs import grace_breaches, tabs_findings

__all__ = [
    "LEAST_LEFT_S",
    "calibration_findings",
    "clock_findings",
    "distance_findings",
    "disturbance",
    "disturbance_findings",
    "error_rate",
    "generator_busy",
    "grace_breaches",
    "is_disturbed",
    "is_success",
    "meets",
    "merged",
    "missing_findings",
    "outage_findings",
    "phase_findings",
    "probe_p99_ms",
    "revocation_findings",
    "run_findings",
    "search_findings",
    "server_busy",
    "slice_findings",
    "tabs_findings",
]

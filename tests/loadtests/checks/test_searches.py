from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from loadtests.checks import (
    meets,
    phase_findings,
    probe_p99_ms,
    search_findings,
    slice_findings,
)
from loadtests.histogram import Histogram
from loadtests.model import CpuSeconds, EndpointRecord, Load, Placement, SliceRecord
from tests.builders import SEARCH, a_phase, a_slice

SLO = a_phase("slo")


def answers(*response_ms: float, **outcomes: int) -> EndpointRecord:
    text = Histogram.of(round(ms * 1e6) for ms in response_ms).to_text()
    return EndpointRecord({"200": len(response_ms), **outcomes}, response=text, service=text)


def a_probe(rate_rps: float = 2_000.0, *, ms: float = 1.0, **changes: Any) -> SliceRecord:
    """A probe of 200 requests, every one answered after `ms`."""
    probe = a_slice(
        phase=SLO.name,
        load=Load("poisson", rate_rps=rate_rps),
        endpoints={"GET /me": answers(*[ms] * 190), "PUT /state": answers(*[ms] * 10)},
        offered=200,
        dispatch_lag=Histogram.of([30_000] * 200).to_text(),
        cpu_s=CpuSeconds(0.4, 0.1, 0.3),
    )
    return dataclasses.replace(probe, **changes)


@pytest.mark.parametrize(
    ("endpoints", "offered", "unsent", "p99_ms"),
    [
        ({"GET /me": answers(*[1.0] * 99, 50.0)}, 100, 0, 1.0),
        ({"GET /me": answers(*[1.0] * 98, 50.0, 50.0)}, 100, 0, 50.0),
        # Endpoints count together.
        ({"GET /me": answers(*[1.0] * 150), "PUT /state": answers(*[9.0] * 50)}, 200, 0, 9.0),
        # One of 200 has no answer and ranks last, so p99 is the second of the late.
        ({"GET /me": answers(*[1.0] * 197, 40.0, 50.0)}, 200, 1, 40.0),
        ({"GET /me": answers(*[1.0] * 198)}, 200, 2, math.inf),
        ({"GET /me": answers(*[1.0] * 198, timeout=2)}, 200, 0, math.inf),
        ({}, 7, 7, math.inf),
        ({}, 0, 0, math.inf),
    ],
    ids=["one late", "two late", "endpoints", "one unsent", "unsent", "timeouts", "none", "idle"],
)
def test_the_p99_of_a_probe_counts_everything_due(
    endpoints: dict[str, EndpointRecord], offered: int, unsent: int, p99_ms: float
) -> None:
    probe = a_probe(endpoints=endpoints, offered=offered, unsent=unsent)
    assert probe_p99_ms(probe) == pytest.approx(p99_ms, rel=1e-3)


def test_a_quick_error_hides_no_slow_answer() -> None:
    """One of 200 is refused at once, which is no reason to forgive another late one."""
    mixed = dataclasses.replace(
        answers(0.1, *[1.0] * 197, 40.0, 50.0), outcomes={"200": 199, "503": 1}
    )
    probe = a_probe(endpoints={"GET /me": mixed}, offered=200)
    assert probe_p99_ms(probe) == pytest.approx(40.0, rel=1e-3)


def test_an_answer_that_is_an_error_is_no_answer() -> None:
    refused = dataclasses.replace(answers(*[1.0] * 100), outcomes={"200": 98, "503": 2})
    assert probe_p99_ms(a_probe(endpoints={"GET /me": refused}, offered=100)) == math.inf


@pytest.mark.parametrize(
    ("probe", "met"),
    [
        (a_probe(ms=19.9), True),
        (a_probe(ms=20.1), False),
        (a_probe(findings=("saturated",)), False),
        (a_probe(pool_exhausted=1), False),
        (a_probe(unsent=10, offered=210), False),
    ],
    ids=["quick", "slow", "saturated", "pool", "unsent"],
)
def test_what_meets_the_limit(probe: SliceRecord, met: bool) -> None:
    assert meets(probe, SEARCH) is met


def test_the_line_of_a_probe_says_why_it_missed() -> None:
    probe = a_probe(findings=("saturated",), unsent=3, pool_exhausted=9)
    assert slice_findings(probe, SLO) == ("saturated", "unsent_requests", "pool_exhausted")
    assert slice_findings(a_probe(ms=100), SLO) == ()


def searched(held: SliceRecord, *others: SliceRecord) -> list[str]:
    """Names of findings about a search that ended between `held` and 5% more."""
    beyond = a_probe(2_080.0, ms=50, cpu_s=held.cpu_s)
    return [each.name for each in search_findings(SLO, "none", [held, beyond, *others])]


def test_probes_beyond_the_knee_make_no_run_invalid() -> None:
    broken = a_probe(
        4_000.0,
        findings=("saturated",),
        unsent=500,
        offered=700,
        pool_exhausted=300,
        endpoints={"GET /me": answers(*[80.0] * 100, timeout=100)},
        dispatch_lag=Histogram.of([90_000_000] * 200).to_text(),
        cpu_s=CpuSeconds(0.9, 0.1, 0.9),
    )
    assert searched(a_probe(), broken) == []
    assert phase_findings(SLO, "none", [broken], Placement((0,), (0,), (1,))) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"endpoints": {"GET /me": answers(*[1.0] * 199, timeout=1)}}, "errors"),
        ({"dispatch_lag": Histogram.of([2_000_000] * 200).to_text()}, "dispatch_lag"),
        ({"cpu_s": CpuSeconds(0.9, 0.1, 0.8)}, "generator_saturated"),
    ],
    ids=["errors", "lag", "generator"],
)
def test_what_is_wrong_at_the_knee_is_found(changes: dict[str, Any], name: str) -> None:
    assert searched(a_probe(**changes)) == [name]


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ([a_probe(2_000.0)], "block 0 held at every rate, up to 2,000 req/s"),
        ([a_probe(2_000.0, ms=50)], "block 0 missed at every rate, down to 2,000 req/s"),
        ([a_probe(2_000.0), a_probe(3_000.0, ms=50)], "block 0 between 2,000 and 3,000 req/s"),
    ],
    ids=["held", "missed", "wide"],
)
def test_a_search_without_an_end_is_named(probes: list[SliceRecord], told: str) -> None:
    (finding,) = search_findings(SLO, "none", probes)
    assert (finding.name, finding.severity) == ("search_unfinished", "warning")
    assert finding.message.endswith(told)


def test_other_phases_have_no_searches() -> None:
    assert search_findings(a_phase("capacity"), "none", [a_slice()]) == []

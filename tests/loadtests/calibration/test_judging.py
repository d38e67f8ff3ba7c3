from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from loadtests.calibration.judging import judged_quantiles, judged_slice
from loadtests.calibration.truth import Expected
from loadtests.histogram import Histogram
from loadtests.model import CalibrationCheck, CpuSeconds, EndpointRecord, Load, SliceRecord
from tests.builders import a_slice

MS = 1_000_000
TRUTH_NS = np.arange(1, 20_001, dtype=np.int64) * 5_000  # 5 µs … 100 ms, evenly


def recorded(values_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Histogram:
    return Histogram.of(int(value) for value in values_ns)


def outcomes(checks: list[CalibrationCheck]) -> dict[str, str]:
    return {check.quantity: check.outcome for check in checks}


def quantiles(measured: Histogram) -> dict[str, str]:
    return outcomes(list(judged_quantiles("open, even", "service", TRUTH_NS, measured)))


def test_what_is_recorded_as_it_was_passes() -> None:
    assert set(quantiles(recorded(TRUTH_NS)).values()) == {"pass"}


@pytest.mark.parametrize("factor", [0.9, 1.1], ids=["too short", "too long"])
def test_a_recorder_that_is_off_by_a_tenth_is_caught(factor: float) -> None:
    wrong = recorded((TRUTH_NS * factor).astype(np.int64))
    assert set(quantiles(wrong).values()) == {"fail"}


@pytest.mark.parametrize(("late_us", "outcome"), [(250, "pass"), (5_000, "fail")])
def test_a_recorder_that_is_late_fails_where_it_matters(late_us: int, outcome: str) -> None:
    assert set(quantiles(recorded(TRUTH_NS + late_us * 1_000)).values()) == {outcome}


def test_a_tail_that_is_lost_fails_at_the_tail_alone() -> None:
    without = recorded(np.where(TRUTH_NS > 95 * MS, 1 * MS, TRUTH_NS))
    found = quantiles(without)
    assert (found["service p99"], found["service p99.9"]) == ("fail", "fail")
    kept = recorded(np.where(TRUTH_NS > 99.8 * MS, 10**9, TRUTH_NS))
    assert quantiles(kept) == {
        "service p50": "pass", "service p90": "pass", "service p99": "pass",
        "service p99.9": "fail",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "left_out"),
    [(50, {"p90", "p99", "p99.9"}), (999, {"p99", "p99.9"}), (9_999, {"p99.9"}), (10_000, set())],
)
def test_a_percentile_of_too_few_is_left_out_with_the_reason(
    samples: int, left_out: set[str]
) -> None:
    few = TRUTH_NS[:samples]
    checks = list(judged_quantiles("open, even", "service", few, recorded(few)))
    missing = [check for check in checks if check.outcome == "left out"]
    assert {check.quantity.removeprefix("service ") for check in missing} == left_out
    assert all(f"{samples:,} samples" in (check.reason or "") for check in missing)


@pytest.mark.parametrize(
    ("cpu_s", "usable_cpus", "reason"),
    [
        (CpuSeconds(0.72, 0.0, 0.1), 2, "a core was 72% busy, the goal holds below 60%"),
        (CpuSeconds(0.1, 0.0, 0.60), 2, "a core was 60% busy, the goal holds below 60%"),
        (CpuSeconds(0.1, 0.0, 0.1), 1, "one CPU, on which client and server take turns"),
        (CpuSeconds(None, None, 0.1), 2, "CPU time could not be read, and the goal depends on it"),
    ],
)
def test_where_the_goal_does_not_hold_percentiles_are_left_out_with_the_reason(
    cpu_s: CpuSeconds, usable_cpus: int, reason: str
) -> None:
    record = dataclasses.replace(a_record(20_000, Load("closed", users=4)), cpu_s=cpu_s)
    count, *found = judged_slice("x", record, Expected(TRUTH_NS), usable_cpus)
    assert count.outcome == "pass"
    assert {check.outcome for check in found} == {"left out"}
    assert {check.reason for check in found} == {reason}


def test_nothing_measured_is_a_failure() -> None:
    assert set(quantiles(Histogram()).values()) == {"fail"}


def a_record(counted: int, load: Load) -> SliceRecord:
    text = recorded(TRUTH_NS).to_text()
    return a_slice(
        endpoints={"GET /me": EndpointRecord({"200": counted}, response=text, service=text)},
        load=load,
        cpu_s=CpuSeconds(0.2, 0.0, 0.1),
        drained_after_s=1.0,
    )


@pytest.mark.parametrize(
    ("load", "counted", "outcome"),
    [
        (Load("poisson", rate_rps=100.0), 20_000, "pass"),
        (Load("poisson", rate_rps=100.0), 19_999, "fail"),
        (Load("closed", users=4), 20_008, "pass"),
        (Load("closed", users=4), 20_009, "fail"),
    ],
)
def test_no_request_is_lost_or_counted_twice(load: Load, counted: int, outcome: str) -> None:
    response_ns = TRUTH_NS if load.is_open else None
    checks = list(judged_slice("x", a_record(counted, load), Expected(TRUTH_NS, response_ns), 2))
    assert outcomes(checks)["requests"] == outcome
    assert ("response p99" in outcomes(checks)) == load.is_open

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.compare import Floor
from analysis.findings import FLOOR_LIMIT, too_few_samples, wide_floors
from analysis.metrics import METRICS
from analysis.reading import Reading
from analysis.report.summary import summarise
from analysis.results import Result
from analysis.stats import Interval
from loadtests.model import Finding
from tests.builders import a_phase, an_experiment

WIDE, NARROW = math.log(1.08), math.log(1.03)
assert NARROW < FLOOR_LIMIT < WIDE


def a_floor(
    metric: str = "throughput_rps",
    value: float | None = WIDE,
    *,
    phase: str = "capacity",
    blocks: int = 5,
) -> Floor:
    control = None if value is None else Interval(0.0, -value, value, blocks)
    return Floor(phase, None, METRICS[metric], value, control)


def spending(arm: str, server_us: float, store_us: float) -> list[Result]:
    """What an arm's requests cost at capacity."""
    return [
        Result(
            arm=arm,
            phase="capacity",
            scenario="browse",
            endpoint=None,
            metric=METRICS[metric],
            value=value,
            low=None,
            high=None,
            blocks=5,
            reason=None,
            by_block={},
        )
        for metric, value in (("cpu_server_us", server_us), ("cpu_store_us", store_us))
    ]


def found(reading: Reading, *floors: Floor, store_us: float = 40.0) -> list[Finding]:
    spent = spending("session_redis#2", 100.0, store_us)
    return list(wide_floors(reading, spent, floors))


@pytest.mark.parametrize(
    "metric", ["throughput_rps", "requests_per_core_second", "cpu_server_us", "cpu_store_us"]
)
def test_a_wide_floor_at_capacity_makes_a_run_invalid(reading: Reading, metric: str) -> None:
    (finding,) = found(reading, a_floor(metric))
    assert (finding.name, finding.severity) == ("aa_floor_wide", "invalid")
    assert finding.phase == "capacity"
    assert f"more than 5%: {metric} ± 8%" in finding.message
    assert "blocks" in finding.advice


def test_a_phase_is_named_once_with_all_that_is_wide(reading: Reading) -> None:
    (finding,) = found(
        reading, a_floor(), a_floor("cpu_server_us"), a_floor("cpu_store_us", NARROW)
    )
    assert finding.message.endswith("throughput_rps ± 8%, cpu_server_us ± 8%")


@pytest.mark.parametrize(
    "floor",
    [
        a_floor(value=NARROW),
        a_floor(value=None),
        a_floor(blocks=4),
        a_floor("cpu_generator_us"),
        a_floor("cpu_server_us", phase="latency-2000"),
    ],
    ids=["narrow", "none", "short-run", "generator", "no-capacity"],
)
def test_what_is_no_wide_floor(reading: Reading, floor: Floor) -> None:
    assert found(reading, floor) == []


@pytest.mark.parametrize(("store_us", "count"), [(1.0, 0), (33.0, 0), (34.0, 1)])
def test_a_store_that_costs_little_of_the_whole_may_be_noisy(
    reading: Reading, store_us: float, count: int
) -> None:
    assert len(found(reading, a_floor("cpu_store_us"), store_us=store_us)) == count


def test_a_run_with_such_a_control_is_invalid(reading: Reading) -> None:
    """Through everything: a control that is a tenth off in some blocks."""
    cells = tuple(
        replace(cell, sums=replace(cell.sums, duration_s=cell.sums.duration_s * 1.2))
        if cell.arm == "session_redis#2" and cell.block in {0, 3}
        else cell
        for cell in reading.cells
    )
    assert summarise(reading).verdict == "VALID"
    summary = summarise(replace(reading, cells=cells))
    assert summary.verdict == "INVALID"
    (finding,) = [each for each in summary.findings if each.severity == "invalid"]
    assert finding.name == "aa_floor_wide"
    assert "throughput_rps" in finding.message
    assert "cpu_server_us" not in finding.message


def test_percentiles_without_samples_are_named_once_a_metric_and_phase(reading: Reading) -> None:
    summary = summarise(reading)
    few = [each for each in summary.findings if each.name == "too_few_samples"]
    lacking = {(r.metric.name, r.phase) for r in summary.results if r.too_few_samples}
    assert lacking
    assert len(few) == len(lacking)
    assert all(each.severity == "warning" for each in few)
    (tail,) = [
        each
        for each in few
        if each.message.startswith("latency_p999_ms") and each.phase == "latency-2000"
    ]
    assert "none, GET /me: block 0 has " in tail.message
    assert "p99.9 needs 10,000 in every block, and 7 more like it" in tail.message


def test_a_value_that_is_missing_for_another_reason_is_no_lack_of_samples() -> None:
    (result, _) = spending("none", 1.0, 0.0)
    assert list(too_few_samples([replace(result, value=None, reason="no request completed")])) == []


def test_a_smoke_run_has_no_floor_to_be_judged_by(reading: Reading) -> None:
    one = an_experiment(blocks=1, phases=(a_phase("capacity"),))
    short = replace(
        reading,
        run=replace(reading.run, experiment=one),
        cells=tuple(c for c in reading.cells if c.block == 0 and c.phase == "capacity"),
    )
    assert summarise(short).verdict == "VALID"

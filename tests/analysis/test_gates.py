from __future__ import annotations

import pytest

from analysis.gates import Judged, any_failed, judge_gates
from analysis.metrics import METRICS
from analysis.report.gate_table import gate_line, gate_table
from analysis.results import Result
from analysis.stats import mean_interval
from loadtests.gates import parse
from loadtests.metric_names import METRIC_KINDS, PER_ENDPOINT

CORE = "requests_per_core_second"
STEADY = (100.0, 101.0, 99.0, 100.0, 100.0)
TWICE = tuple(2 * value for value in STEADY)
WILD = (50.0, 300.0, 80.0, 200.0, 100.0)


def a_result(
    arm: str = "a",
    values: tuple[float, ...] = STEADY,
    *,
    metric: str = CORE,
    endpoint: str | None = None,
    reason: str | None = None,
) -> Result:
    mean = None if reason else mean_interval(values)
    return Result(
        arm=arm,
        phase="p",
        scenario="browse",
        endpoint=endpoint,
        metric=METRICS[metric],
        value=None if mean is None else mean.mean,
        low=None if mean is None else mean.low,
        high=None if mean is None else mean.high,
        blocks=len(values),
        reason=reason,
        by_block={} if reason else dict(enumerate(values)),
    )


def judged(rule: str, *results: Result) -> Judged:
    (found,) = judge_gates([parse(rule)], results)
    return found


def test_the_names_are_those_of_the_metrics() -> None:
    assert {name: metric.kinds for name, metric in METRICS.items()} == METRIC_KINDS
    assert {name for name, metric in METRICS.items() if metric.per_endpoint} == PER_ENDPOINT


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (f"a.p.{CORE} >= 95", "pass"),
        (f"a.p.{CORE} > 95", "pass"),
        (f"a.p.{CORE} <= 95", "fail"),
        (f"a.p.{CORE} < 95", "fail"),
        (f"a.p.{CORE} < 105", "pass"),
        (f"a.p.{CORE} >= 105", "fail"),
        (f"a.p.{CORE} >= 100", "undecided"),
        (f"a.p.{CORE} < 100", "undecided"),
        (f"wild.p.{CORE} > 95", "undecided"),
        (f"wild.p.{CORE} > 1", "pass"),
        (f"twice.p.{CORE} >= 1.9 * a.p.{CORE}", "pass"),
        (f"twice.p.{CORE} >= a.p.{CORE}", "pass"),
        (f"a.p.{CORE} >= twice.p.{CORE}", "fail"),
        (f"a.p.{CORE} >= 0.6 * twice.p.{CORE}", "fail"),
        (f"a.p.{CORE} < 0.6 * twice.p.{CORE}", "pass"),
        (f"wild.p.{CORE} >= a.p.{CORE}", "undecided"),
    ],
)
def test_the_whole_interval_decides(rule: str, outcome: str) -> None:
    results = (a_result(), a_result("twice", TWICE), a_result("wild", WILD))
    found = judged(rule, *results)
    assert found.outcome == outcome
    assert found.low is not None
    assert found.high is not None
    wide = "the interval includes the limit: too wide to decide"
    assert found.reason == (wide if outcome == "undecided" else None)


def test_two_arms_are_paired_by_block() -> None:
    # Exactly twice in every block, whatever the blocks do among themselves.
    double = a_result("double", tuple(2 * value for value in WILD))
    found = judged(f"double.p.{CORE} >= 1.99 * wild.p.{CORE}", a_result("wild", WILD), double)
    assert found.outcome == "pass"
    assert [found.value, found.low, found.high] == pytest.approx([2, 2, 2])


def test_the_limit_itself_is_within_or_without() -> None:
    same = a_result(values=(7.0,) * 5)
    outcomes = {
        relation: judged(f"a.p.{CORE} {relation} 7", same).outcome
        for relation in (">=", "<=", ">", "<")
    }
    assert outcomes == {">=": "pass", "<=": "pass", ">": "fail", "<": "fail"}


@pytest.mark.parametrize(
    ("rule", "result", "reason"),
    [
        (f"a.p.{CORE} > 1", a_result(values=STEADY[:4]), "4 blocks; a gate needs 5"),
        (f"a.p.{CORE} > 1", a_result(values=STEADY[:1]), "1 block; a gate needs 5"),
        (f"a.p.{CORE} > 1", a_result(reason="no CPU time was spent"), "a: no CPU time was spent"),
        (f"b.p.{CORE} > 1", a_result(), f"b.p.{CORE}: not measured"),
        (f"a.p.{CORE} > b.p.{CORE}", a_result(), f"b.p.{CORE}: not measured"),
        (f"a.q.{CORE} > 1", a_result(), f"a.q.{CORE}: not measured"),
        ("a.p.error_rate < 2 * a.p.error_rate", a_result(values=(0.0,) * 5, metric="error_rate"),
         "a value of zero has no ratio"),
        ("a.p.revocation_lag_max_s < 1", a_result(metric="revocation_lag_max_s"),
         "revocation_lag_max_s is one number of all blocks' trials together, without an interval, "
         "so no gate can judge it"),
    ],
)  # fmt: skip
def test_without_an_interval_a_gate_is_undecided(rule: str, result: Result, reason: str) -> None:
    found = judged(rule, result)
    assert (found.outcome, found.reason) == ("undecided", reason)
    assert not any_failed([found])


@pytest.mark.parametrize(
    ("endpoint", "outcome"), [("", "undecided"), ("@GET /me", "pass"), ("@GET /you", "undecided")]
)
def test_of_several_endpoints_one_is_named(endpoint: str, outcome: str) -> None:
    results = [
        a_result(metric="latency_p50_ms", endpoint="GET /me"),
        a_result(metric="latency_p50_ms", endpoint="PUT /state", values=TWICE),
    ]
    found = judged(f"a.p.latency_p50_ms{endpoint} < 150", *results)
    assert found.outcome == outcome
    if outcome == "undecided":
        assert str(found.reason).endswith("endpoints measured: @GET /me, @PUT /state")


def test_an_only_endpoint_needs_no_name() -> None:
    result = a_result(metric="latency_p50_ms", endpoint="GET /me")
    assert judged("a.p.latency_p50_ms < 150", result).outcome == "pass"


def test_a_failure_among_others_is_a_failure() -> None:
    rules = [parse(f"a.p.{CORE} {limit}") for limit in ("> 1", "> 100", "> 1000")]
    found = list(judge_gates(rules, [a_result()]))
    assert [each.outcome for each in found] == ["pass", "undecided", "fail"]
    assert any_failed(found)
    assert not any_failed(found[:2])
    assert not any_failed([])


def test_what_a_person_reads() -> None:
    doubled = judged(f"b.p.{CORE} > a.p.{CORE}", a_result(), a_result("b", TWICE))
    assert gate_line(doubled) == (
        f"gate passed: b.p.{CORE} > a.p.{CORE}: 2.000 (95% interval 2.000–2.000)"
    )
    assert gate_line(judged(f"a.p.{CORE} > 150", a_result())) == (
        f"gate FAILED: a.p.{CORE} > 150: 100 (95% interval 99.1–101)"
    )
    few = judged(f"a.p.{CORE} > 1", a_result(values=(100.0,)))
    assert gate_line(few) == (f"gate undecided: a.p.{CORE} > 1: 100; 1 block; a gate needs 5")
    unknown = judged(f"b.p.{CORE} > 1", a_result())
    assert gate_line(unknown) == f"gate undecided: b.p.{CORE} > 1: b.p.{CORE}: not measured"


def test_the_table_has_a_row_a_gate() -> None:
    found = [judged(f"a.p.{CORE} > 95", a_result()), judged(f"b.p.{CORE} > 1", a_result())]
    table = gate_table(found)
    assert table is not None
    assert table.rows == (
        (f"a.p.{CORE} > 95", "passed", "100", "99.1–101", "—"),
        (f"b.p.{CORE} > 1", "undecided", "—", "—", f"b.p.{CORE}: not measured"),
    )
    assert gate_table([]) is None

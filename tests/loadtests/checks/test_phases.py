from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from loadtests.checks import (
    disturbance,
    disturbance_findings,
    error_rate,
    is_disturbed,
    is_success,
    phase_findings,
    rules,
    run_findings,
    server_busy,
    slice_findings,
)
from loadtests.histogram import Histogram
from loadtests.model import Books, CpuSeconds, Finding, Phase, Placement, SliceRecord, StoreInfo
from tests.builders import a_phase, a_run, a_slice, an_endpoint, an_experiment, with_impossible

TWO_CPUS = Placement((0,), (0,), (1,))
FOUR_CPUS = Placement((0, 1), (2,), (3,))
CAPACITY = a_phase("capacity")
LATENCY = a_phase("latency-1000")
LOGIN = a_phase("login")


def a_busy(**changes: Any) -> SliceRecord:
    """A second in which nothing is wrong with a capacity slice."""
    cpu_s = CpuSeconds(server=0.80, store=0.15, generator=0.5)
    # 32 users are always at it: 300 requests of 0.11 s in the mean.
    endpoints = {"GET /me": an_endpoint({"200": 300}, p50_ms=94.0)}
    good = a_slice(drained_after_s=1.0, duration_s=1.0, cpu_s=cpu_s, endpoints=endpoints)
    return dataclasses.replace(good, **changes)


def a_paced(sent: int = 1000, **changes: Any) -> SliceRecord:
    """A second in which nothing is wrong with a slice of 1,000 req/s."""
    half_busy = {"cpu_s": spent(0.40, 0.08)} | changes
    return a_busy(phase=LATENCY.name, load=LATENCY.load, offered=1000, sent=sent, **half_busy)


def names(phase: Phase, *slices: SliceRecord, placement: Placement = TWO_CPUS) -> list[str]:
    found = phase_findings(phase, "none", slices, placement)
    assert all(each.arm == "none" and each.phase == phase.name for each in found)
    return [each.name for each in found]


def spent(server: float, store: float, generator: float = 0.5) -> CpuSeconds:
    return CpuSeconds(server, store, generator)


def lagging(*lags_us: int) -> str:
    return Histogram.of(lag * 1000 for lag in lags_us).to_text()


@pytest.mark.parametrize(
    ("phase", "record"),
    [(CAPACITY, a_busy()), (LATENCY, a_paced()), (LOGIN, a_busy(phase="login"))],
    ids=["capacity", "latency", "login"],
)
def test_nothing_is_said_of_a_good_slice(phase: Phase, record: SliceRecord) -> None:
    assert names(phase, record) == []
    assert slice_findings(record, phase) == ()


def test_nothing_is_said_of_no_slices() -> None:
    assert names(CAPACITY) == []


@pytest.mark.parametrize(
    ("phase", "record", "expected"),
    [
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.15, 0.599)), []),
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.15, 0.600)), ["near_generator_limit"]),
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.15, 0.849)), ["near_generator_limit"]),
        (LATENCY, a_paced(cpu_s=spent(0.40, 0.08, 0.600)), ["near_generator_limit"]),
        (LOGIN, a_busy(phase="login", cpu_s=spent(0.80, 0.15, 0.849)), []),
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.15, 0.850)), ["generator_saturated"]),
        (LATENCY, a_paced(cpu_s=spent(0.40, 0.08, 0.850)), ["generator_saturated"]),
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.10)), []),
        (CAPACITY, a_busy(cpu_s=spent(0.80, 0.099)), ["capacity_not_reached"]),
        (LATENCY, a_paced(cpu_s=spent(0.10, 0.01)), []),
        (LATENCY, a_paced(cpu_s=spent(0.80, 0.099)), []),
        (LATENCY, a_paced(cpu_s=spent(0.80, 0.10)), ["at_cpu_limit"]),
        (CAPACITY, a_busy(unsent=1), ["unsent_requests"]),
        (CAPACITY, a_busy(pool_exhausted=1), ["pool_exhausted"]),
        (LATENCY, a_paced(unsent=3, pool_exhausted=3), ["unsent_requests", "pool_exhausted"]),
        (LATENCY, a_paced(sent=1000 + 126), []),
        (LATENCY, a_paced(sent=1000 + 127), ["offered_rate_missed"]),
        (LATENCY, a_paced(sent=1000 - 126), []),
        (LATENCY, a_paced(sent=1000 - 127), ["offered_rate_missed"]),
        (LATENCY, a_paced(dispatch_lag=lagging(*[30] * 99, 9000)), []),
        (LATENCY, a_paced(dispatch_lag=lagging(*[30] * 98, 9000, 9000)), ["dispatch_lag"]),
        (LATENCY, a_paced(dispatch_lag=lagging(*[990] * 9)), []),
        (LATENCY, a_paced(dispatch_lag=lagging(*[1010] * 9)), ["dispatch_lag"]),
        (LATENCY, a_paced(dispatch_lag=lagging()), []),
    ],
)  # fmt: skip
def test_both_sides_of_every_threshold(
    phase: Phase, record: SliceRecord, expected: list[str]
) -> None:
    assert names(phase, record) == expected


def test_the_relative_tolerance_of_the_rate_rules_over_many_slices() -> None:
    """Over 40,000 due requests 5% is more than four times the square root."""
    assert names(LATENCY, *[a_paced(sent=1050)] * 40) == []
    assert names(LATENCY, *[a_paced(sent=1051)] * 40) == ["offered_rate_missed"]


def test_cpu_that_cannot_be_read_is_told_where_it_would_be_judged() -> None:
    unread = [CpuSeconds(None, 0.1, 0.1), CpuSeconds(0.1, None, 0.1)]
    for phase, good in ((CAPACITY, a_busy()), (LATENCY, a_paced())):
        slices = [good, *(dataclasses.replace(good, cpu_s=each) for each in unread)]
        (found,) = phase_findings(phase, "none", slices, TWO_CPUS)
        assert (found.name, found.severity) == ("cpu_unread", "warning")
        assert found.message.endswith(": 2 of 3 slices")
    assert names(LOGIN, a_busy(phase="login", cpu_s=unread[0])) == []


def test_of_an_older_run_what_was_due_is_all_that_is_known() -> None:
    older = dataclasses.replace(a_paced(), sent=None)
    assert names(LATENCY, older) == []
    assert names(LATENCY, dataclasses.replace(older, offered=873)) == ["offered_rate_missed"]


@pytest.mark.parametrize(
    ("outcomes", "share", "found"),
    [
        ({"200": 999, "503": 1}, 0.001, False),
        ({"200": 998, "503": 1, "timeout": 1}, 0.002, True),
        ({"200": 997, "302": 3}, 0.0, False),
        ({"401": 5}, 1.0, True),
        ({"200": 0}, 0.0, False),
    ],
)
def test_errors(outcomes: dict[str, int], share: float, *, found: bool) -> None:
    # At 1,000 a second 32 users wait 32 ms each.
    record = a_busy(endpoints={"GET /me": an_endpoint(outcomes, p50_ms=28.2)})
    assert error_rate([record]) == pytest.approx(share)
    assert names(CAPACITY, record) == (["errors"] if found else [])
    assert slice_findings(record, CAPACITY) == (("errors",) if found else ())


@pytest.mark.parametrize(
    ("outcome", "is_one"),
    [("200", True), ("302", True), ("399", True), ("400", False), ("503", False), ("reset", False)],
)
def test_success(outcome: str, *, is_one: bool) -> None:
    assert is_success(outcome) is is_one


def test_one_odd_second_does_not_condemn_a_phase() -> None:
    odd = a_busy(cpu_s=spent(0.60, 0.10))
    assert names(CAPACITY, odd, *[a_busy()] * 9) == []
    assert names(CAPACITY, odd) == ["capacity_not_reached"]


def test_a_slice_line_names_what_is_wrong_with_it() -> None:
    record = a_busy(unsent=1, pool_exhausted=2, cpu_s=spent(0.8, 0.1, 0.9))
    expected = ("unsent_requests", "pool_exhausted", "generator_saturated")
    assert slice_findings(record, CAPACITY) == expected
    lost = dataclasses.replace(record, books=Books(sent=9, ended=7, in_flight=1))
    assert slice_findings(lost, CAPACITY) == (*expected, "bookkeeping")


@pytest.mark.parametrize(
    ("replicas", "placement", "expected"),
    [
        (2, TWO_CPUS, 0.95),
        (1, TWO_CPUS, 0.95),
        (2, FOUR_CPUS, 0.40),
        (1, FOUR_CPUS, 0.80),
        (4, FOUR_CPUS, 0.40),
        (2, Placement((), (), ()), 0.40),
    ],
)
def test_the_store_counts_where_it_shares_the_servers_cpus(
    replicas: int, placement: Placement, expected: float
) -> None:
    busy = server_busy([a_busy(replicas=replicas), a_busy(replicas=replicas)], placement)
    assert busy == pytest.approx(expected)


@pytest.mark.parametrize("cpu_s", [CpuSeconds(None, 0.1, 0.1), CpuSeconds(0.1, None, 0.1)])
def test_what_cannot_be_read_is_not_judged(cpu_s: CpuSeconds) -> None:
    record = a_busy(cpu_s=cpu_s)
    assert server_busy([record], TWO_CPUS) is None
    assert names(CAPACITY, record) == ["cpu_unread"]


@pytest.mark.parametrize(
    ("steal_s", "foreign_cpu_s", "share"),
    [
        (0.0, 0.0, 0.0),
        (0.01, 0.03, 0.02),
        (0.02, 0.03, 0.025),
        (None, 0.9, None),
        (0.9, None, None),
    ],
)
def test_disturbance_is_a_share_of_all_cpus(
    steal_s: float | None, foreign_cpu_s: float | None, share: float | None
) -> None:
    slices = [a_busy(steal_s=steal_s, foreign_cpu_s=foreign_cpu_s)]
    assert disturbance(slices, cpus=2) == (None if share is None else pytest.approx(share))
    assert is_disturbed(slices, cpus=2) is (share is not None and share > 0.02)


def test_no_slices_are_not_disturbed() -> None:
    assert disturbance([], cpus=2) is None


def test_disturbed_rounds_are_counted_over_all_arms_together() -> None:
    quiet, loud = a_busy(foreign_cpu_s=0.0), a_busy(foreign_cpu_s=0.07)
    by_arm = {
        "none": [quiet, dataclasses.replace(loud, round=1), dataclasses.replace(quiet, block=1)],
        "jwt_hs256": [loud, dataclasses.replace(loud, round=1)],
    }
    # Round 0 holds 0.07 s of 4 s, under the limit; round 1 twice that.
    (finding,) = disturbance_findings(CAPACITY, by_arm, cpus=2)
    assert (finding.name, finding.severity, finding.arm) == ("foreign_cpu", "warning", None)
    assert finding.message.endswith("1 of 3 rounds")
    assert disturbance_findings(CAPACITY, {"none": [quiet]}, cpus=2) == []


@pytest.mark.parametrize(
    ("shared", "placement", "expected"),
    [
        (False, TWO_CPUS, []),
        (True, TWO_CPUS, ["shared_store"]),
        (False, Placement((), (), ()), ["unpinned"]),
    ],
)
def test_circumstances(placement: Placement, expected: list[str], *, shared: bool) -> None:
    store = StoreInfo("valkey", "9.1.0", "libc", shared=shared)
    found = run_findings(a_run(store=store, placement=placement))
    assert [each.name for each in found] == expected
    assert all(each.severity == "warning" for each in found)


@pytest.mark.parametrize(
    ("generators", "cpus", "said"),
    [(1, (1,), None), (3, (1,), "3 on 1"), (3, (2, 3), "3 on 2"), (3, (2, 3, 4), None)],
)
def test_generators_that_share_a_cpu_are_named(
    generators: int, cpus: tuple[int, ...], said: str | None
) -> None:
    run = a_run(
        experiment=an_experiment(generators=generators), placement=Placement((0,), (0,), cpus)
    )
    found = [each for each in run_findings(run) if each.name == "crowded_generators"]
    assert len(found) == (said is not None)
    assert all(each.message.endswith(f": {said}") for each in found)


def test_an_arm_that_cannot_be_is_named_once_with_its_reason() -> None:
    (finding,) = run_findings(with_impossible("jwt_hs256", "too large"))
    assert (finding.name, finding.severity, finding.arm) == ("impossible", "warning", "jwt_hs256")
    assert finding.message.endswith(": too large")


def test_every_finding_has_advice() -> None:
    known = [each for each in vars(rules).values() if isinstance(each, rules.Rule)]
    found: list[Finding] = [rule.found("none", "capacity", "") for rule in known]
    assert len({each.name for each in found}) == len(found) > 0
    assert all(each.message and each.advice for each in found)


def test_a_store_with_a_core_of_its_own_has_a_limit_of_its_own() -> None:
    """It answers on one thread: the servers' CPUs do not help it."""
    at_limit = a_paced(cpu_s=spent(server=0.9, store=0.9))
    (found,) = phase_findings(LATENCY, "none", [at_limit], FOUR_CPUS)
    assert (found.name, found.severity) == ("at_cpu_limit", "invalid")
    assert found.message.endswith(": store 90% busy")


def test_what_the_host_took_the_servers_could_not_have() -> None:
    """Of 0.2 s stolen from two CPUs half was the servers' share: 0.81 of 0.9 s."""
    stolen = a_busy(cpu_s=spent(0.70, 0.1101), steal_s=0.2)
    assert server_busy([stolen], TWO_CPUS) == pytest.approx(0.9, abs=1e-3)
    assert names(CAPACITY, stolen) == []
    assert names(CAPACITY, a_busy(cpu_s=spent(0.70, 0.11))) == ["capacity_not_reached"]

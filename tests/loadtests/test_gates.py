from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.experiment import EXPERIMENTS, read
from loadtests.gates import Gate, GateError, Term, check_names, parse
from loadtests.model import ConfigurationError
from tests.builders import an_experiment

CORE = "requests_per_core_second"


@pytest.mark.parametrize(
    ("rule", "gate"),
    [
        (f"a.capacity.{CORE} >= 5000", Gate(Term("a", "capacity", CORE), ">=", 5000)),
        (
            f"a.capacity.{CORE} >= 0.85 * b#2.capacity.{CORE}",
            Gate(Term("a", "capacity", CORE), ">=", 0.85, Term("b#2", "capacity", CORE)),
        ),
        (
            f"a.capacity.{CORE}>b-c_d.capacity.{CORE}",
            Gate(Term("a", "capacity", CORE), ">", 1, Term("b-c_d", "capacity", CORE)),
        ),
        (
            "  a.latency-1000.latency_p99_ms @ GET /me<1.5e1*b.latency-1000.latency_p50_ms@PUT /x ",
            Gate(
                Term("a", "latency-1000", "latency_p99_ms", "GET /me"),
                "<",
                15,
                Term("b", "latency-1000", "latency_p50_ms", "PUT /x"),
            ),
        ),
        ("a.store_bytes_per_login <= 0", Gate(Term("a", None, "store_bytes_per_login"), "<=", 0)),
        # A number, though names may begin with digits too.
        ("1.2.m > 1.5", Gate(Term("1", "2", "m"), ">", 1.5)),
    ],
)
def test_what_a_rule_means(rule: str, gate: Gate) -> None:
    assert parse(rule) == gate


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "comparisons: none; allowed: one of >=, <=, >, <"),
        ("a.b.c", "comparisons: none; allowed: one of"),
        ("a.b.c == 5", "comparisons: none; allowed: one of"),
        ("1 < a.b.c < 2", "comparisons: < and <; allowed: one of"),
        ("a.b.c => 5", "left side 'a.b.c ='; allowed: ARM.PHASE.METRIC, a metric of an endpoint"),
        ("5 <= a.b.c", "left side '5'; allowed: ARM.PHASE.METRIC"),
        ("2 * a.b.c > 5", "left side '2 * a.b.c'; allowed: ARM.PHASE.METRIC"),
        ("a > 5", "left side 'a'; allowed: ARM.PHASE.METRIC"),
        ("a.b.c.d > 5", "left side 'a.b.c.d'; allowed: "),
        ("a#3.b.c > 5", "left side 'a#3.b.c'; allowed: "),
        ("a.b.c@/me > 5", "left side 'a.b.c@/me'; allowed: ARM.PHASE.METRIC, a metric of an "),
        ("a.b.c >", "right side ''; allowed: a number, or [FACTOR *] ARM.PHASE.METRIC"),
        ("a.b.c > -5", "right side '-5'; allowed: a number"),
        ("a.b.c > 5 ms", "right side '5 ms'; allowed: a number"),
        ("a.b.c > nan", "right side 'nan'; allowed: a number"),
        ("a.b.c > 1_000", "right side '1_000'; allowed: a number"),
        ("a.b.c > 1e999", "number '1e999'; allowed: up to 1.7e308"),
        ("a.b.c > 85% * d.e.f", "factor '85%'; allowed: a number above 0"),
        ("a.b.c > 0 * d.e.f", "factor '0'; allowed: a number above 0"),
        ("a.b.c > 2 * 3 * d.e.f", "factor '2 * 3'; allowed: a number above 0"),
        ("a.b.c > * d.e.f", "factor ''; allowed: a number above 0"),
        ("a.b.c > d.e.f * 2", "factor 'd.e.f'; allowed: a number above 0"),
        ("a.b.c\n > 5 \n x", "right side '5 \\n x'; allowed: a number"),
    ],
)
def test_what_is_no_rule_is_told_with_what_is_allowed(rule: str, says: str) -> None:
    with pytest.raises(GateError) as raised:
        parse(rule)
    assert str(raised.value).startswith(says)
    assert "\n" not in str(raised.value)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)
TERMS = st.builds(
    Term,
    arm=st.builds(str.__add__, NAMES, st.sampled_from(["", "#2"])),
    phase=st.none() | NAMES,
    metric=st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True),
    endpoint=st.none() | st.from_regex(r"[A-Z]{3,6} /[a-z/{}.?-]{0,12}", fullmatch=True),
)
RELATIONS = st.sampled_from([">=", "<=", ">", "<"])
NUMBERS = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


@given(st.builds(Gate, TERMS, RELATIONS, NUMBERS, st.none() | TERMS))
def test_what_is_written_is_read_back(gate: Gate) -> None:
    assert parse(str(gate)) == gate


@given(st.text())
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    with suppress(GateError):
        assert parse(str(parse(text))) == parse(text)


PHASES = "capacity, latency-1000, latency-2000, login"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (f"a.capacity.{CORE} > 1",
         "arm 'a'; allowed: none, session_redis, jwt_hs256, session_redis#2"),
        (f"none.capacity.{CORE} > b.capacity.{CORE}", "arm 'b'; allowed: none, session_redis"),
        ("none.capacity.speed > 1", "metric 'speed'; allowed: throughput_rps, requests_per_core"),
        ("none.rush.error_rate > 1", f"phase 'rush' for error_rate; allowed: {PHASES}"),
        ("none.error_rate > 1", f"phase none for error_rate; allowed: {PHASES}"),
        (f"none.login.{CORE} > 1", f"phase 'login' for {CORE}; allowed: capacity"),
        ("none.capacity.store_bytes_per_login > 1",
         "phase 'capacity': store_bytes_per_login has none; allowed: none.store_bytes_per_login"),
        ("none.capacity.error_rate@GET /me > 1",
         "endpoint 'GET /me' of error_rate; allowed: of latency_p50_ms, "),
    ],
)  # fmt: skip
def test_unknown_names_are_told_with_the_known(rule: str, says: str) -> None:
    with pytest.raises(GateError) as raised:
        check_names(parse(rule), an_experiment())
    assert str(raised.value).startswith(says)


def test_a_metric_that_no_phase_measures() -> None:
    capacity = an_experiment(phases=an_experiment().phases[:1])
    with pytest.raises(GateError, match="metric 'login_p50_ms': no phase of this experiment"):
        check_names(parse("none.login.login_p50_ms < 1"), capacity)


@pytest.mark.parametrize(
    "rule",
    [
        f"session_redis#2.capacity.{CORE} >= 0.9 * session_redis.capacity.{CORE}",
        "jwt_hs256.latency-2000.latency_p99_ms@GET /me < 5",
        "session_redis.store_bytes_per_login < 500",
        "jwt_hs256.revocation.revocation_lag_p50_s < 2",
    ],
)
def test_known_names_pass(rule: str) -> None:
    check_names(parse(rule), an_experiment())


def with_gate(tmp_path: Path, gate: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text((EXPERIMENTS / "headline.toml").read_text() + f"\n[gate]\n{gate}\n")
    return path


def test_an_experiment_carries_its_rules(tmp_path: Path) -> None:
    rules = ("jwt_hs256.capacity.error_rate < 0.001", f"none.capacity.{CORE} > 1000")
    assert read(with_gate(tmp_path, f"rules = {list(rules)}")).gates == rules
    assert read(with_gate(tmp_path, "rules = []")).gates == ()
    assert read(EXPERIMENTS / "smoke.toml").gates == ()


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (
            'rules = ["none.capacity.error_rate < 1", "a.b > 2"]',
            "gate.rules.1 = 'a.b > 2': arm 'a'",
        ),
        ('rules = ["nonsense"]', "gate.rules.0 = 'nonsense': comparisons: none; allowed: "),
        ('rules = "a.b > 2"', "gate.rules = 'a.b > 2': Input should be a valid list"),
        ("rules = [5]", "gate.rules.0 = 5: Input should be a valid string"),
        ("rule = []", "gate.rule: unknown key; allowed: rules"),
    ],
)
def test_a_bad_rule_is_told_when_the_file_is_read(tmp_path: Path, gate: str, says: str) -> None:
    path = with_gate(tmp_path, gate)
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {says}")
    assert "\n" not in str(raised.value)

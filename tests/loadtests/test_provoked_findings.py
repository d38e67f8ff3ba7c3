"""Findings provoked for real: what a run says of an experiment that asks for the impossible."""

from __future__ import annotations

import pytest

from loadtests import run_store
from loadtests.model import Finding
from tests.loadtests.tiny_run import START_S, start, the_run

# One user leaves most of the servers' core idle; 120,000 requests a second are more than two users
# can send, and more than anything here can answer.
EXPERIMENT = """
question = "What does a run say of itself?"
seed = 11
blocks = {blocks}
reference = "none"
population = 50
pool_users = 2
request_timeout_s = 0.5
warm_up_s = 0.05
max_repeats = 0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
[[arms]]
strategy = "none"
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = {{ model = "closed", users = 1 }}
rounds = {rounds}
slice_s = 0.2
guard_s = 0.02
[[phases]]
name = "latency-120000"
kind = "latency"
scenario = "lookups"
load = {{ model = "poisson", rate_rps = 120000 }}
rounds = 1
slice_s = 0.3
guard_s = 0.0
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, tuple[Finding, ...]]:
    """Exit status, output, findings."""
    folder = tmp_path_factory.mktemp("provoked")
    process = start(folder, text=EXPERIMENT)
    output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    return process.returncode, output, run_store.read_run(the_run(folder)).findings


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("capacity_not_reached", "capacity"),
        ("pool_exhausted", "latency-120000"),
        ("unsent_requests", "latency-120000"),
        ("dispatch_lag", "latency-120000"),
        ("offered_rate_missed", "latency-120000"),
    ],
)
def test_it_is_found(told: tuple[int, str, tuple[Finding, ...]], name: str, phase: str) -> None:
    _status, output, findings = told
    found = [each for each in findings if (each.name, each.phase) == (name, phase)]
    assert len(found) == 1
    assert f"{found[0].severity}: {name} {phase}/none: {found[0].message}" in output


def test_the_run_is_invalid_and_says_so(told: tuple[int, str, tuple[Finding, ...]]) -> None:
    status, output, findings = told
    assert status == 3
    assert any(each.severity == "invalid" for each in findings)
    _progress, verdict, said = output.partition("INVALID: ")
    assert verdict
    *found, ending = said.splitlines()[1:]
    severities = [line.partition(":")[0] for line in found]
    assert severities == sorted(severities)
    assert {"invalid", "warning"} <= set(severities)
    assert ending.startswith("finished: ")


def test_its_books_hold_all_the_same(told: tuple[int, str, tuple[Finding, ...]]) -> None:
    assert "bookkeeping" not in {each.name for each in told[2]}

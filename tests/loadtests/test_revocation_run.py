"""The revocation lab in a few seconds, for real: laws tried on two replicas, under load."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from loadtests import run_store
from loadtests.model import RevocationRecord, RunRecord
from loadtests.trial_plans import sizes_of
from tests.loadtests.tiny_run import ROOT, START_S, left_behind, slices, start, the_run, trials

pytestmark = pytest.mark.alone

LAB = """
question = "How long does a revoked user stay in?"
seed = 3
blocks = {blocks}
reference = "session_tracking"
population = 40
pool_users = 4
warm_up_s = 0.05
max_repeats = 0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
[[arms]]
strategy = "session_tracking"
replicas = 2
settings = {{ staleness_s = 0.2 }}
[[arms]]
strategy = "jwt_hs256"
replicas = 2
settings = {{ token_ttl_s = 2, minted_ttl_s = 900 }}
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = {{ model = "closed", users = 4 }}
rounds = {rounds}
slice_s = 0.2
guard_s = 0.02
[[phases]]
name = "loaded"
kind = "revocation"
scenario = "revocation"
rounds = 1
trials = {{ per_slice = 3, ttl_s = 2, background_fraction = 0.3 }}
[[phases]]
name = "alone"
kind = "revocation"
scenario = "revocation"
arms = ["session_tracking"]
rounds = 1
trials = {{ per_slice = 2, ttl_s = 2, background_fraction = 0.0 }}
"""
STRICT = ("law_broken", "promise_beyond_law", "false_reject", "reacceptance", "trials_lost")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    process = start(folder, text=LAB)
    _output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    # Whether a shared machine lets servers reach their limit is not for this test to say.
    assert process.returncode in {0, 3}
    assert left_behind(folder) == []
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> RunRecord:
    return run_store.read_run(the_run(folder))


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[RevocationRecord]:
    return trials(folder)


def of(lines: list[RevocationRecord], phase: str, arm: str) -> list[RevocationRecord]:
    return [line for line in lines if (line.phase, line.arm) == (phase, arm)]


def test_laws_hold_and_nobody_else_is_rejected(run: RunRecord) -> None:
    assert [each for each in run.findings if each.name in STRICT] == []


def test_every_trial_has_a_line_of_every_replica(lines: list[RevocationRecord]) -> None:
    seen = Counter((line.phase, line.arm, line.trial, line.replica) for line in lines)
    expected = {
        (phase, arm, trial, replica)
        for phase, arm, count in (
            ("loaded", "session_tracking", 3), ("loaded", "jwt_hs256", 3),
            ("alone", "session_tracking", 2),
        )
        for trial in range(count)
        for replica in range(2)
    }  # fmt: skip
    assert seen == Counter(expected)
    assert {line.revoke for line in lines} == {"ok"}


def test_roles_are_tried_where_they_can_change_and_else_it_is_said(
    lines: list[RevocationRecord], run: RunRecord
) -> None:
    kinds = {arm: [line.how for line in of(lines, "loaded", arm)] for arm in run.blocks[0].arms}
    assert Counter(kinds["session_tracking"]) == {"kick": 2, "logout": 2, "role": 2}
    assert Counter(kinds["jwt_hs256"]) == {"kick": 4, "logout": 2}
    facts = run.blocks[0].arms
    assert facts["session_tracking"].fixed_roles is None
    assert "nobody can change" in (facts["jwt_hs256"].fixed_roles or "")


def test_probes_are_as_close_as_the_law_wants_and_the_load_allows(
    lines: list[RevocationRecord], run: RunRecord, folder: Path
) -> None:
    least_s = {"session_tracking": 0.002, "jwt_hs256": 0.02}
    for line in lines:
        trials, bound_s = run.experiment.phase(line.phase).trials, least_s[line.arm] * 100
        assert trials is not None
        capacity_rps = mean(
            sum(sum(e.outcomes.values()) for e in each.endpoints.values()) / each.duration_s
            for each in slices(folder)
            if (each.block, each.phase, each.arm) == (line.block, "capacity", line.arm)
        )
        sizes = sizes_of(trials, bound_s, replicas=2, slices=1, capacity_rps=capacity_rps)
        assert line.probe_every_s is not None
        # Both are rounded to a tenth of a millisecond.
        assert line.probe_every_s == pytest.approx(sizes.probe_every_s, abs=0.000_11)
        assert line.probe_every_s >= least_s[line.arm]


def test_laws_were_watched_to_their_bounds(lines: list[RevocationRecord], run: RunRecord) -> None:
    for line in lines:
        bound_s = run.blocks[0].arms[line.arm].law.bound_s
        assert bound_s == {"session_tracking": 0.2, "jwt_hs256": 2.0}[line.arm]
        assert line.lag_high_s is not None
        assert line.watched_s is not None
        assert line.watched_s >= bound_s
        assert line.ttl_s == 2
        # Nobody gets in after the law, so no more are at risk than probes fit into it.
        assert line.requests_at_risk <= line.probes
        if line.arm == "jwt_hs256":
            assert line.accepted_after_ack > 0
            assert line.requests_at_risk >= line.accepted_after_ack


def test_the_load_is_that_of_browsers_and_probes(
    lines: list[RevocationRecord], folder: Path
) -> None:
    for arm in ("session_tracking", "jwt_hs256"):
        (record,) = (each for each in slices(folder) if (each.phase, each.arm) == ("loaded", arm))
        mine = of(lines, "loaded", arm)
        assert record.offered > 0
        assert {line.load_asked for line in mine} == {0.3}
        (fraction,) = {line.load_fraction for line in mine}
        browsed = record.offered / (record.offered + sum(line.probes for line in mine))
        assert 0 < browsed < 1
        assert fraction > 0
    alone = of(lines, "alone", "session_tracking")
    assert {line.load_asked for line in alone} == {0.0}
    assert all(line.load_fraction > 0 for line in alone)


def test_phases_have_the_arms_they_name(folder: Path) -> None:
    arms = {(each.phase, each.arm) for each in slices(folder)}
    assert ("alone", "jwt_hs256") not in arms
    assert len(arms) == 2 + 2 + 1


def test_without_time_a_run_makes_few_trials_and_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("hurried")
    # As soon as the servers stand the time is over.
    text = LAB.replace("seed = 3", "seed = 3\ntrials_within_minutes = 0.1")
    process = start(folder, text=text.replace("per_slice = 3", "per_slice = 6, concurrent = 2"))
    _output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    assert process.returncode in {0, 3}
    record = run_store.read_run(the_run(folder))
    assert {each.not_begun for each in slices(folder) if each.phase == "loaded"} == {4}
    told = {(line.arm, line.trial) for line in trials(folder) if line.phase == "loaded"}
    assert told == {(arm, trial) for arm in ("session_tracking", "jwt_hs256") for trial in (0, 1)}
    found = {(f.arm, f.phase): f.message for f in record.findings if f.name == "trials_not_begun"}
    assert found["jwt_hs256", "loaded"].endswith(": 4 of 6 trials")
    assert [each for each in record.findings if each.name in STRICT] == []
    assert left_behind(folder) == []


def test_it_ends_in_a_report(folder: Path) -> None:
    reported = subprocess.run(
        [sys.executable, "-m", "analysis", "report", str(the_run(folder))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.stderr == ""
    summary = json.loads((the_run(folder) / "summary.json").read_text())
    found = {(row["phase"], row["arm"]) for row in summary["results"]
             if row["metric"] == "revocation_lag_max_s"}  # fmt: skip
    assert ("alone", "session_tracking") in found

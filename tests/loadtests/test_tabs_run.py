"""A whole run of the refresh lab in seconds: two graces on real replicas, to the report."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests import run_store
from loadtests.checks import grace_breaches
from loadtests.model import TabsRecord
from tests.loadtests.tiny_run import ROOT, START_S, left_behind, refuse, slices, start, the_run

EXPERIMENT = """
question = "Whom does rotation log out?"
seed = 3
blocks = {blocks}
reference = "session_redis"
population = 60
pool_users = 4
warm_up_s = 0.05
max_repeats = 0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
[[arms]]
strategy = "session_redis"
[[arms]]
name = "none"
strategy = "jwt_refresh"
replicas = 2
settings = {{ access_ttl_s = 600, grace_s = 0 }}
[[arms]]
name = "two-seconds"
strategy = "jwt_refresh"
replicas = 2
settings = {{ access_ttl_s = 600, grace_s = 2.0 }}
[[phases]]
name = "me"
kind = "capacity"
scenario = "lookups"
arms = ["session_redis", "none"]
load = {{ model = "closed", users = 4 }}
rounds = {rounds}
slice_s = 0.15
guard_s = 0.02
[[phases]]
name = "refresh"
kind = "capacity"
scenario = "refresh"
arms = ["none"]
load = {{ model = "closed", users = 4 }}
rounds = {rounds}
slice_s = 0.15
guard_s = 0.02
[[phases]]
name = "tabs"
kind = "tabs"
scenario = "tabs"
arms = ["none", "two-seconds"]
rounds = 1
browsers = {{ tabs = [2, 4], within_s = [0.05, 3.0], each = 2, thefts = 2 }}
"""
PER_SLICE = 2 * 2 * 2 + 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("refresh")
    process = start(folder, text=EXPERIMENT)
    _output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    # Whether a shared machine is quiet enough for a capacity is not for these tests to say.
    assert process.returncode in {0, 3}
    yield folder
    assert left_behind(folder) == []


def lines_of(folder: Path, arm: str) -> list[TabsRecord]:
    return [line for line in run_store.read_tabs(the_run(folder), refuse) if line.arm == arm]


def test_only_the_arms_of_a_phase_take_part(finished: Path) -> None:
    took_part = {(record.phase, record.arm) for record in slices(finished)}
    assert took_part == {
        ("me", "session_redis"), ("me", "none"), ("refresh", "none"), ("tabs", "none"),
        ("tabs", "two-seconds"),
    }  # fmt: skip


def test_every_refresh_rotates(finished: Path) -> None:
    (record,) = (record for record in slices(finished) if record.phase == "refresh")
    outcomes = record.endpoints["POST /refresh"].outcomes
    assert set(record.endpoints) == {"POST /refresh"}
    assert set(outcomes) == {"200"}
    assert (record.cpu_s.store or 0) > 0


@pytest.mark.parametrize("arm", ["none", "two-seconds"])
def test_every_browser_and_theft_has_a_line(finished: Path, arm: str) -> None:
    lines = lines_of(finished, arm)
    assert sorted(line.trial for line in lines) == list(range(PER_SLICE))
    assert sum(line.thief is not None for line in lines) == 2
    assert all(line.outcome != "unknown" for line in lines)
    for line in lines:
        assert line.apart_low_s <= line.spread_s <= line.apart_high_s
        if line.thief is None:
            assert line.refused_tabs < line.tabs


def test_without_a_grace_two_tabs_are_enough_and_no_thief_is_let_in(finished: Path) -> None:
    for line in lines_of(finished, "none"):
        assert line.outcome == "logged_out"
        if line.thief is not None:
            assert [replay.accepted for replay in line.thief] == [False]
            assert line.family_ended is True


def test_a_grace_is_kept_to_the_millisecond(finished: Path) -> None:
    lines = lines_of(finished, "two-seconds")
    assert grace_breaches(lines) == []
    for line in lines:
        if line.thief is None:
            continue
        *earlier, last = line.thief
        assert len(earlier) > 5
        assert all(replay.accepted for replay in earlier)
        assert not last.accepted
        assert last.at_most_s >= 1.999
        assert line.family_ended is True


def test_the_run_has_nothing_to_say_against_its_graces(finished: Path) -> None:
    names = {finding.name for finding in run_store.read_run(the_run(finished)).findings}
    assert names & {"grace_broken", "tabs_lost", "errors", "bookkeeping"} == set()


def test_its_report_tells_of_cost_logouts_and_thieves(finished: Path) -> None:
    reported = subprocess.run(
        [sys.executable, "-m", "analysis", "report", str(the_run(finished))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.stderr == ""
    for part in ("A refresh of none costs", "rotation logged out", "replays contradicts"):
        assert part in reported.stdout
    assert (the_run(finished) / "charts" / "tabs.svg").exists()


def test_an_arm_that_refreshes_nothing_is_refused_in_one_line(tmp_path: Path) -> None:
    text = EXPERIMENT.replace('scenario = "refresh"\narms = ["none"]', 'scenario = "refresh"')
    assert text != EXPERIMENT
    process = start(tmp_path, text=text)
    _output, errors = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert "phases.refresh.arms: 'session_redis' grants no refresh token; allowed: " in errors
    assert len(errors.strip().splitlines()) == 1
    assert left_behind(tmp_path) == []

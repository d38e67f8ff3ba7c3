"""Real outages: four strategies on two replicas each, one store, a few seconds a fault."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from loadtests import run_store
from loadtests.model import OutageRecord
from tests.loadtests import tiny_run
from tests.processes import are_gone, descendants, wait_for

EXPERIMENT = """
question = "Who survives?"
seed = 3
blocks = {blocks}
reference = "jwt_epoch"
population = 12
pool_users = 48
request_timeout_s = 5.0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
store_deadline_s = 0.4
store_timeout_s = 0.3
[[arms]]
strategy = "jwt_epoch"
replicas = 2
settings = {{ token_ttl_s = 60, staleness_s = 0.5 }}
[[arms]]
strategy = "jwt_denylist_pubsub"
replicas = 2
settings = {{ token_ttl_s = 60 }}
[[arms]]
strategy = "session_redis"
replicas = 2
[[arms]]
strategy = "session_tracking"
replicas = 2
"""
PHASE = """
[[phases]]
name = "{fault}"
kind = "outage"
scenario = "outage"
rounds = 1
load = {{{{ model = "poisson", rate_rps = 40 }}}}
[phases.outage]
fault = "{fault}"
before_s = 1.2
fault_s = {fault_s}
after_s = {after_s}
victims_before = 4
victims_during = 6
probe_every_s = 0.2
"""
# Those whose traces want time, and those that show at once.
LONG = ("killed_empty", "subscriber_cut", "replica_killed")
SHORT = (
    "killed_aof_everysec", "killed_aof_always", "half_open", "slow_50ms", "reset_storm",
    "tracking_lost",
)  # fmt: skip
FAULTS = (*LONG, *SHORT)
ARMS = 4
FINISHED_WITHIN_S = 180.0
# The first test of a run pays for all of it.
pytestmark = [pytest.mark.timeout(FINISHED_WITHIN_S + 30.0), pytest.mark.alone]


def text(*faults: str, fault_s: float = 1.8, after_s: float = 2.0) -> str:
    # Replicas take a while to start on a machine that has much to do.
    spells_s = {"replica_killed": 7.0}
    return EXPERIMENT + "".join(
        PHASE.format(fault=fault, fault_s=fault_s, after_s=spells_s.get(fault, after_s))
        for fault in faults
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outages")
    phases = text(*SHORT, fault_s=1.2, after_s=1.6).removeprefix(EXPERIMENT)
    process = tiny_run.start(folder, text=text(*LONG) + phases)
    told, trouble = process.communicate(timeout=FINISHED_WITHIN_S)
    assert "finished" in told, trouble + told
    return folder


@pytest.fixture(scope="module")
def lines(finished: Path) -> dict[tuple[str, str], OutageRecord]:
    run = tiny_run.the_run(finished)
    read = list(run_store.read_outages(run, tiny_run.refuse))
    assert len(read) == ARMS * len(FAULTS)
    return {(line.fault, line.arm): line for line in read}


def test_every_arm_went_through_every_fault_and_left_nothing(
    finished: Path, lines: dict[tuple[str, str], OutageRecord]
) -> None:
    assert {fault for fault, _ in lines} == set(FAULTS)
    assert tiny_run.left_behind(finished) == []
    for line in lines.values():
        asked = sum(sum(outcomes.values()) for outcomes in line.bins)
        assert asked == pytest.approx(40 * line.ended_s, rel=0.5)
        assert line.false_accepts == line.false_rejects == line.hung == 0
        assert line.revokes_ok >= 4
        assert line.revokes_ok + line.revokes_refused + line.revokes_indeterminate == 4 + 6
        assert line.probes > 0
        assert 1.2 <= line.fault_s < line.mended_s


def test_a_law_of_outages_stands_in_the_run(finished: Path) -> None:
    (block,) = run_store.read_run(tiny_run.the_run(finished)).blocks
    law = block.arms["jwt_epoch"].law
    assert (law.down, law.survivors, law.hears_by) == ("within_law", "refuse", "log")


def test_a_lost_store_logs_those_out_who_were_told_so(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    pushed, blind = (lines["killed_empty", arm] for arm in ("jwt_epoch", "jwt_denylist_pubsub"))
    assert (pushed.policy, blind.policy) == ("within_law", "serves")
    # Twelve users, each refused once, then logged in again.
    assert pushed.logged_out == 12
    assert blind.logged_out == 0
    assert 503 in failures(pushed)
    assert failures(blind) == {200}
    assert pushed.first_error_s is not None
    assert pushed.first_error_s > pushed.fault_s


def test_what_is_published_to_nobody_lets_the_revoked_in(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    """The lab can see it: else no law could be tried here."""
    blind = lines["subscriber_cut", "jwt_denylist_pubsub"]
    assert blind.accepted_after_ack > 0
    assert blind.accepted_after_ack_worst_s > 0.5
    pushed = lines["subscriber_cut", "jwt_epoch"]
    assert pushed.accepted_after_ack_worst_s <= 0.5
    assert 503 in failures(pushed)


def test_a_killed_replica_is_missed_and_comes_back(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    for arm in ("jwt_epoch", "jwt_denylist_pubsub"):
        line = lines["replica_killed", arm]
        assert sum(outcomes.get("refused", 0) for outcomes in line.bins) > 0
        assert line.recovered_s is not None
        assert line.policy_held, line.policy_why


def test_what_a_store_kept_on_disk_nobody_must_log_in_for(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    assert lines["killed_empty", "session_redis"].logged_out == 12
    for fault in ("killed_aof_everysec", "killed_aof_always"):
        line = lines[fault, "session_redis"]
        assert (line.policy, line.logged_out) == ("at_once", 0)
        assert 503 in failures(line)


def test_bytes_that_are_swallowed_are_a_store_that_does_not_answer(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    line = lines["half_open", "session_redis"]
    assert line.policy == "at_once"
    assert 503 in failures(line)
    assert line.worst_response_s >= 0.3


def test_a_slow_store_is_waited_for(lines: dict[tuple[str, str], OutageRecord]) -> None:
    asking, deaf = (lines["slow_50ms", arm] for arm in ("session_redis", "jwt_denylist_pubsub"))
    assert (asking.added_delay_p50_s or 0.0) >= 0.05
    assert asking.worst_response_s >= 0.05
    assert failures(asking) == failures(deaf) == {200}


def test_connections_are_reset_again_and_again_and_most_are_served(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    line = lines["reset_storm", "session_redis"]
    answers = sum((Counter(outcomes) for outcomes in line.bins), Counter[str]())
    assert answers["200"] > 0.5 * answers.total()
    assert "no law knows" not in (line.policy_why or "")


def test_only_who_listens_for_invalidations_misses_them(
    lines: dict[tuple[str, str], OutageRecord],
) -> None:
    policies = {
        arm: line.policy for (fault, arm), line in lines.items() if fault == "tracking_lost"
    }
    assert policies == {
        "jwt_epoch": "unaffected", "jwt_denylist_pubsub": "unaffected",
        "session_redis": "unaffected", "session_tracking": "serves",
    }  # fmt: skip
    for arm in policies:
        assert failures(lines["tracking_lost", arm]) == {200}


def failures(line: OutageRecord) -> set[int]:
    return {int(outcome) for outcomes in line.bins for outcome in outcomes if outcome.isdigit()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose runner dies, in its second block, while the store is frozen."""
    folder = tmp_path_factory.mktemp("killed")
    process = tiny_run.start(folder, blocks=2, text=text("frozen", fault_s=0.8, after_s=1.2))
    wait_for(lambda: in_second_block(folder), 60.0, "a second block")
    wait_for(lambda: any(map(stopped, descendants(process.pid))), 60.0, "a frozen store")
    family = descendants(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: are_gone(family), 15.0, "every process gone")
    return folder


def stopped(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False


def in_second_block(folder: Path) -> bool:
    runs = list((folder / "results").glob("tiny-*/run.json"))
    return bool(runs) and len(run_store.read_run(runs[0].parent).blocks) == 2


def test_a_killed_run_leaves_no_process_and_no_folder_and_goes_on(killed: Path) -> None:
    wait_for(lambda: tiny_run.left_behind(killed) == [], 10.0, "no temporary folder")
    run = tiny_run.the_run(killed)
    before = (run / run_store.OUTAGES_FILE).read_text()
    told = subprocess.run(
        [sys.executable, "-m", "loadtests", "run", "--resume", str(run)],
        cwd=tiny_run.ROOT,
        env={k: v for k, v in os.environ.items() if k != "REDIS_URL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=FINISHED_WITHIN_S,
    )
    assert "finished" in told.stdout, told.stderr
    assert (run / run_store.OUTAGES_FILE).read_text().startswith(before)
    lines = list(run_store.read_outages(run, tiny_run.refuse))
    assert [(line.block, line.trial) for line in lines] == [(0, 0)] * ARMS + [(1, 1)] * ARMS


def test_ctrl_c_mends_what_was_broken_and_leaves_nothing(tmp_path: Path) -> None:
    process = tiny_run.start(tmp_path, text=text("frozen", after_s=5.0))
    wait_for(lambda: any(map(stopped, descendants(process.pid))), 60.0, "a frozen store")
    family = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert "interrupted" in told
    wait_for(lambda: are_gone(family), 10.0, "every process gone")
    assert tiny_run.left_behind(tmp_path) == []


def test_groups_go_one_after_the_other(tmp_path: Path) -> None:
    phases = text("slow_5ms", fault_s=0.8, after_s=1.6)
    process = tiny_run.start(tmp_path, text=phases.replace("seed = 3", "seed = 3\ngroups = 2"))
    told, trouble = process.communicate(timeout=FINISHED_WITHIN_S)
    assert "finished" in told, trouble + told
    lines = list(run_store.read_outages(tiny_run.the_run(tmp_path), tiny_run.refuse))
    groups: dict[float, set[str]] = {}
    for line in lines:
        groups.setdefault(line.started_s, set()).add(line.arm)
    first, second = sorted(groups)
    assert second - first > lines[0].ended_s
    assert groups[first] == {"jwt_epoch", "session_redis"}
    assert groups[second] == {"jwt_denylist_pubsub", "session_tracking"}
    for line in lines:
        assert (line.trial, line.hung, line.false_rejects) == (0, 0, 0)
        assert sum(sum(outcomes.values()) for outcomes in line.bins) > 0
        assert line.revokes_ok == 10
        assert (line.added_delay_p50_s or 0.0) >= 0.005
    assert tiny_run.left_behind(tmp_path) == []


def test_a_store_that_is_not_ours_is_not_killed(tmp_path: Path) -> None:
    process = tiny_run.start(tmp_path, redis_url="redis://127.0.0.1:1", text=text("frozen"))
    told, trouble = process.communicate(timeout=60)
    assert process.returncode == 2
    assert trouble == "REDIS_URL: set; allowed: unset, as outages kill their store\n"
    assert told == ""

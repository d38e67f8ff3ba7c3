"""The whole path on real servers, a real store and a real Locust, a second or two a run."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil
import pytest

from loadtests import calibration_store, environment, run_store
from loadtests.histogram import Histogram
from loadtests.model import CalibrationFile, RunRecord
from loadtests.store_server import start_store
from tests.loadtests.calibration.builders import a_calibration, a_dispatch, the_limits
from tests.loadtests.tiny_run import (
    EXPERIMENT,
    START_S,
    await_first_slice,
    left_behind,
    slices,
    start,
    the_run,
    trials,
)
from tests.processes import are_gone, descendants, wait_for

CALIBRATED = a_calibration(
    environment=environment.describe(),
    limits=the_limits(cpu_us_per_request=1e6, dispatch=(a_dispatch(100.0),)),
)
STORE_PROGRAMS = {"redis-server", "valkey-server"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, int]]:
    """One finished run, looked at from several sides; its generator was calibrated to little."""
    folder = tmp_path_factory.mktemp("finished")
    calibration_store.write(
        folder / "results" / calibration_store.CALIBRATION_FILE, CalibrationFile(CALIBRATED, None)
    )
    process = start(folder, blocks=2)
    output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    yield folder, output, process.returncode
    assert left_behind(folder) == []


def test_a_run_walks_every_planned_slice(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    walked = [(s.block, s.phase, s.round, s.arm) for s in slices(folder)]
    arms = ["session_redis", "jwt_hs256", "session_redis#2"]
    phases = ["capacity", "latency-200", "visits", "revocation"]
    assert len(walked) == len(set(walked)) == 2 * len(arms) * len(phases)
    assert {arm for *_rest, arm in walked} == set(arms)


def test_as_many_are_under_way_in_a_closed_loop_as_there_are_users(
    finished: tuple[Path, str, int],
) -> None:
    folder, _output, _status = finished
    counted = [each.mean_under_way for each in slices(folder) if each.load.users == 8]
    shares = [under_way / 8 for under_way in counted if under_way is not None]
    assert len(shares) == len(counted) == 2 * 3
    assert max(shares) <= 1
    # One slice may begin late where something else had the CPU.
    assert median(shares) > 0.95


def test_the_status_says_valid_or_invalid(finished: tuple[Path, str, int]) -> None:
    folder, output, status = finished
    run: RunRecord = run_store.read_run(the_run(folder))
    invalid = any(finding.severity == "invalid" for finding in run.findings)
    assert status == (3 if invalid else 0)
    assert run.status == "finished"
    assert f"finished: {the_run(folder)}" in output
    assert (folder / "results" / run_store.LATEST).resolve() == the_run(folder).resolve()


def test_a_run_takes_its_machines_calibration_along_and_is_warned_by_it(
    finished: tuple[Path, str, int],
) -> None:
    folder, output, _status = finished
    run = run_store.read_run(the_run(folder))
    assert run.calibration == CALIBRATED.note()
    warned = {(f.name, f.phase) for f in run.findings if f.severity == "warning" and f.arm}
    assert ("beyond_calibration", "latency-200") in warned
    assert "make calibrate`" not in output.partition("block 1")[0]


def test_slices_hold_what_was_measured(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    for record in slices(folder):
        for name, endpoint in record.endpoints.items():
            statuses = {"200", "202"} if name == "POST /logout" else {"200"}
            assert set(endpoint.outcomes) <= statuses, (record.arm, name, endpoint.outcomes)
            answered = sum(endpoint.outcomes.values())
            assert Histogram.from_text(endpoint.response).count == answered
            assert Histogram.from_text(endpoint.service).count == answered
        assert record.completed >= sum(
            count for e in record.endpoints.values() for count in e.outcomes.values()
        )
        # The shortest request is a GET of 90 bytes, the shortest answer longer.
        assert record.completed > 0
        assert min(record.wire_bytes.received, record.wire_bytes.sent) > 80 * record.completed
        assert record.drained_after_s >= record.duration_s > 0
        if record.phase == "latency-200":
            assert record.offered == 50
            assert record.unsent == 0


def test_store_cpu_belongs_to_arms_with_a_store(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    by_arm = {s.arm: s.cpu_s for s in slices(folder) if s.phase == "capacity"}
    assert by_arm["jwt_hs256"].store == 0
    assert (by_arm["session_redis"].store or 0) > 0
    assert all((cpu.server or 0) > 0 and (cpu.generator or 0) > 0 for cpu in by_arm.values())


def test_a_kicked_session_is_out_and_a_token_lives_on(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    seen = trials(folder)
    # 2 blocks, 2 trials, and a line for each replica.
    assert len([t for t in seen if t.arm == "session_redis"]) == 2 * 2 * 2
    assert len([t for t in seen if t.arm == "jwt_hs256"]) == 2 * 2 * 1
    assert all(t.revoke == "ok" and t.lag_high_s is not None for t in seen)
    assert {t.how for t in seen} == {"kick", "logout"}
    assert all(t.lag_low_s == 0 for t in seen if t.arm.startswith("session_redis"))
    for t in seen:
        assert t.reaccepted == 0
        if t.arm == "jwt_hs256":
            # Accepted after the acknowledgement, for the rest of its life and no longer.
            assert 0 < t.lag_low_s <= 2.0


def test_run_json_says_what_the_numbers_depend_on(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    run = run_store.read_run(the_run(folder))
    assert run.environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert run.store.name in {"valkey", "redis"}
    assert len(run.blocks) == 2
    facts = run.blocks[0].arms["session_redis"]
    assert (facts.store_bytes_per_login or 0) > 50
    assert facts.law.bound_s == 0
    assert (facts.needs_store, facts.key_kind) == (True, "secret")
    assert run.blocks[0].arms["jwt_hs256"].needs_store is False
    assert run.blocks[0].arms["jwt_hs256"].law.bound_s == 900
    assert run.blocks[0].arms["jwt_hs256"].store_bytes_per_login is None


def test_the_plan_is_walked_in_its_order(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    starts = [s.started_s for s in slices(folder)]
    assert starts == sorted(starts)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_readable(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, blocks=9, rounds=30)
    await_first_slice(tmp_path)
    children = descendants(process.pid)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "interrupted" in output + errors
    assert run_store.read_run(the_run(tmp_path)).status == "interrupted"
    assert slices(tmp_path)
    assert not (tmp_path / "results" / run_store.LATEST).exists()
    assert children
    assert are_gone(children)
    assert left_behind(tmp_path) == []


def test_a_killed_runner_leaves_nothing_within_5_s(tmp_path: Path) -> None:
    process = start(tmp_path, blocks=9, rounds=30)
    await_first_slice(tmp_path)
    children = descendants(process.pid)
    assert len(children) >= 7  # generator, 5 servers, 2 stores and their guards
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: are_gone(children), 5.0, "every descendant gone")
    wait_for(lambda: left_behind(tmp_path) == [], 5.0, "no folder left")
    assert slices(tmp_path)
    assert run_store.read_run(the_run(tmp_path)).status == "running"


def test_a_replica_that_dies_is_named(tmp_path: Path) -> None:
    process = start(tmp_path, blocks=9, rounds=30)
    await_first_slice(tmp_path)
    victim = _replica_of(process.pid, "jwt_hs256")
    victim.kill()
    _output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "jwt_hs256 replica 0" in errors
    assert str(victim.pid) in errors
    assert run_store.read_run(the_run(tmp_path)).status == "interrupted"
    assert slices(tmp_path)


def test_a_store_that_dies_is_named(tmp_path: Path) -> None:
    process = start(tmp_path, blocks=9, rounds=30)
    await_first_slice(tmp_path)
    victim = next(p for p in descendants(process.pid) if p.name() in STORE_PROGRAMS)
    victim.kill()
    _output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the store of session_redis" in errors
    assert str(victim.pid) in errors
    assert run_store.read_run(the_run(tmp_path)).status == "interrupted"
    assert slices(tmp_path)


def test_a_given_store_serves_every_arm_and_is_said_so(tmp_path: Path) -> None:
    with start_store() as store:
        process = start(tmp_path, redis_url=store.url)
        _output, errors = process.communicate(timeout=START_S)
        assert errors == ""
        assert process.returncode in {0, 3}
    run = run_store.read_run(the_run(tmp_path))
    assert run.store.shared
    spent = [s.cpu_s.store or 0 for s in slices(tmp_path) if s.arm == "session_redis"]
    assert sum(spent) > 0
    assert "shared_store" in {finding.name for finding in run.findings}


JWT = 'strategy = "jwt_hs256"'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("argon2_time_cost = 1", "argon2_colour = 1",
         "server.argon2_colour = 1: unknown key; allowed: users, argon2_memory_kib, "),
        ("argon2_time_cost = 1", "users = 'many'",
         "server.users = 'many': allowed is a whole number from 1 to 1000000"),
        (JWT, f"{JWT}\nsettings = {{{{ nope = 1 }}}}",
         "arms.jwt_hs256.settings.nope = 1: unknown key; allowed: token_ttl_s, "),
        (JWT, f"{JWT}\nsettings = {{{{ token_ttl_s = 8 }}}}",
         "arms.jwt_hs256: a block takes about "),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_end_before_measuring(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    process = start(tmp_path, text=EXPERIMENT.replace(old, new))
    output, errors = process.communicate(timeout=START_S)
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert line.startswith(f"{tmp_path / 'tiny.toml'}: {told}")
    assert "allowed" in line
    assert "finished" not in output
    assert not list(tmp_path.glob(f"results/*/{run_store.SLICES_FILE}"))
    assert left_behind(tmp_path) == []


def _replica_of(pid: int, strategy: str) -> psutil.Process:
    return next(
        child
        for child in descendants(pid)
        if "servers" in child.cmdline() and strategy in child.cmdline()
    )


def test_messages_are_json_lines(finished: tuple[Path, str, int]) -> None:
    folder, _output, _status = finished
    with (the_run(folder) / run_store.SLICES_FILE).open() as file:
        fields = set(json.loads(file.readline()))
    assert {
        "schema", "block", "phase", "round", "attempt", "arm", "replicas", "started_s",
        "duration_s", "load", "endpoints", "unsent", "dispatch_lag", "cpu_s", "steal_s",
        "wire_bytes", "findings",
    } <= fields  # fmt: skip

"""Runs that end early before a block measures, or for want of its generator: real ones, in this
process, whose servers, store or generator fail on cue."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from loadtests import block, experiment, generator, run_store, runner, target, verify
from loadtests.__main__ import EXIT_FAILURE, main
from loadtests.messages import ReplicaAddress
from loadtests.model import RunRecord
from loadtests.progress import make_progress
from loadtests.runner import Outcome
from loadtests.target import RunningArm
from tests.loadtests.tiny_run import refuse
from tests.processes import are_gone, descendants, wait_for

ROUNDS = 2
EXPERIMENT = """
question = "How does a run end?"
seed = 5
blocks = {blocks}
reference = "{strategy}"
population = 20
pool_users = 2
generators = {generators}
warm_up_s = 0.01
max_repeats = 0
[[arms]]
strategy = "{strategy}"
replicas = 1
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = {{ model = "closed", users = 2 }}
rounds = 2
slice_s = 0.05
guard_s = 0.0
"""
# The second slice is walked and then cannot be summed up.
STUMBLING_LOCUSTFILE = """
from loadtests import player
from loadtests.locustfile import AuthbenchUser

sum_up = player.tally
sums = []

def tally(*arguments, **more):
    if sums:
        raise RuntimeError("stumbled on purpose")
    sums.append(sum_up(*arguments, **more))
    return sums[0]

player.tally = tally
"""


def run(folder: Path, strategy: str, blocks: int = 2, generators: int = 1) -> Outcome:
    """Leaves no process behind, whatever happens."""
    path = folder / "ending.toml"
    path.write_text(EXPERIMENT.format(strategy=strategy, blocks=blocks, generators=generators))
    progress = make_progress(Console(file=io.StringIO()), blocks, blocks * ROUNDS, 1.0)
    before = descendants(os.getpid())
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("REDIS_URL", raising=False)
        outcome = runner.run(experiment.read(path), folder / "results", progress)
    assert are_gone([each for each in descendants(os.getpid()) if each not in before])
    return outcome


@pytest.fixture(scope="module")
def stumbled(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run whose generator fails in its walk."""
    return stumble(tmp_path_factory.mktemp("stumbled"), generators=1)


def stumble(folder: Path, generators: int) -> Outcome:
    locustfile = folder / "locustfile.py"
    locustfile.write_text(STUMBLING_LOCUSTFILE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generator, "LOCUSTFILE", locustfile)
        return run(folder, "none", blocks=1, generators=generators)


def assert_interrupted(outcome: Outcome, *, blocks_begun: int, slices: int) -> None:
    """As the folder says it, read anew."""
    run = run_store.read_run(outcome.folder)
    assert run.status == "interrupted"
    assert run.finished_at is not None
    assert len(run.blocks) == blocks_begun
    kept = list(run_store.read_slices(outcome.folder, refuse))
    assert [(s.block, s.round) for s in kept] == [(n // ROUNDS, n % ROUNDS) for n in range(slices)]
    assert not (outcome.folder.parent / run_store.LATEST).exists()


def test_a_replica_that_dies_while_it_starts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = target._start, []

    def start_and_kill(*arguments: Any) -> Any:
        starting = start(*arguments)
        started.append(starting)
        if len(started) == 2:
            starting.process.kill()
        return starting

    monkeypatch.setattr(target, "_start", start_and_kill)
    outcome = run(tmp_path, "none")
    assert "none replica 0 did not start" in (outcome.stopped_by or "")
    assert len(started) == 2
    assert_interrupted(outcome, blocks_begun=1, slices=ROUNDS)


def test_a_store_gone_before_the_first_slice_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = []

    @contextmanager
    def dying(*arguments: Any, **more: Any) -> Iterator[dict[str, RunningArm]]:
        with target.running_arms(*arguments, **more) as arms:
            store = arms["session_redis"].store
            assert store is not None
            urls.append(store.url)
            if len(urls) == 2:
                after_readiness(monkeypatch, lambda: kill(store.pid))
            yield arms

    monkeypatch.setattr(block, "running_arms", dying)
    outcome = run(tmp_path, "session_redis")
    assert f"the store at {urls[1]}" in (outcome.stopped_by or "")
    assert_interrupted(outcome, blocks_begun=1, slices=ROUNDS)
    assert outcome.run.store.name in {"redis", "valkey"}


def test_a_generator_that_fails_is_named_with_its_last_lines(stumbled: Outcome) -> None:
    first, *log = (stumbled.stopped_by or "").splitlines()
    assert "the load generator ended early" in first
    assert log
    assert_interrupted(stumbled, blocks_begun=1, slices=1)


def test_a_generators_last_lines_say_why_it_failed(stumbled: Outcome) -> None:
    assert "RuntimeError: stumbled on purpose" in (stumbled.stopped_by or "")


def test_a_worker_that_fails_is_lost_and_its_last_lines_say_why(tmp_path: Path) -> None:
    outcome = stumble(tmp_path, generators=2)
    assert outcome.stopped_by is None
    (facts,) = outcome.run.blocks
    assert facts.lost_worker is not None
    assert (facts.lost_worker.phase, facts.lost_worker.round) == ("capacity", 1)
    assert "RuntimeError: stumbled on purpose" in facts.lost_worker.log
    assert "worker_lost" in {finding.name for finding in outcome.run.findings}


def after_readiness(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    ask = verify.readiness

    def ask_and_act(address: ReplicaAddress) -> dict[str, Any]:
        told = ask(address)
        act()
        return told

    monkeypatch.setattr(verify, "readiness", ask_and_act)


def kill(pid: int | None) -> None:
    process = psutil.Process(pid)
    process.kill()
    wait_for(lambda: are_gone([process]), 5.0, "the store gone")


def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third slice meets /dev/full, which takes nothing (full(4))."""
    append, appended = run_store.append_line, []

    def append_until_full(folder: Path, file_name: str, line: str) -> None:
        appended.append(line)
        if len(appended) == ROUNDS + 1:
            (folder / file_name).rename(folder / "kept.jsonl")
            (folder / file_name).symlink_to("/dev/full")
        append(folder, file_name, line)

    monkeypatch.setattr(run_store, "append_line", append_until_full)
    monkeypatch.setattr(runner, "findings_of", lambda *_: ())
    outcome = run(tmp_path, "none")
    assert outcome.stopped_by == (
        f"No space left on device: what was measured until then stands in {outcome.folder}"
    )
    assert run_store.read_run(outcome.folder).status == "interrupted"
    assert len((outcome.folder / "kept.jsonl").read_text().splitlines()) == ROUNDS
    assert not list(outcome.folder.glob(".*"))


def test_a_disk_without_room_to_begin_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = Path.write_bytes

    def write_a_part(path: Path, data: bytes) -> int:
        write(path, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_a_part)
    (tmp_path / "small.toml").write_text(EXPERIMENT.format(strategy="none", blocks=1, generators=1))
    command = ["loadtests", "run", str(tmp_path / "small.toml"), "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == EXIT_FAILURE
    assert capsys.readouterr().err == (
        "No space left on device: nothing was measured; make room and try again\n"
    )
    assert not list(tmp_path.glob("small-*/.*"))


def test_the_end_of_a_run_is_written_into_room_kept_back_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk without room for a larger run.json than the last, as long as the reserve is there."""
    write = run_store.write_run

    def write_where_there_is_room(folder: Path, record: RunRecord) -> None:
        if any(block.finished for block in record.blocks) and (folder / ".reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, record)

    monkeypatch.setattr(run_store, "write_run", write_where_there_is_room)
    outcome = run(tmp_path, "none", blocks=1)
    assert "No space left on device" in (outcome.stopped_by or "")
    assert run_store.read_run(outcome.folder).status == "interrupted"

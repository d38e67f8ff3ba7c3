"""Runs of two generator processes for real, and what becomes of them when one of those dies."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtests import run_store
from loadtests.crew import Part, part_dues_ns
from loadtests.histogram import Histogram
from loadtests.model import Finding, SliceRecord
from loadtests.plan import plan_block
from tests.loadtests.tiny_run import START_S, await_first_slice, left_behind, slices, start, the_run
from tests.processes import are_gone, descendants, wait_for

# A worker that falls silent is given up after two time-outs and some spare.
EXPERIMENT = """
question = "Do two generators do the work of one?"
seed = 3
blocks = {blocks}
reference = "none"
population = 50
pool_users = 5
generators = 2
request_timeout_s = 0.2
warm_up_s = 0.02
max_repeats = 0
[[arms]]
strategy = "none"
replicas = 2
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = {{ model = "closed", users = 3 }}
rounds = {rounds}
slice_s = 0.1
guard_s = 0.02
[[phases]]
name = "latency-300"
kind = "latency"
scenario = "browse"
load = {{ model = "poisson", rate_rps = 300 }}
rounds = {rounds}
slice_s = 0.2
guard_s = 0.05
"""
ALL_KINDS = (
    EXPERIMENT
    + """
[[phases]]
name = "slo"
kind = "slo"
scenario = "browse"
search = {{ p99_ms = 10, lowest_rps = 200, highest_rps = 400, precision = 1.0, confirmations = 1 }}
rounds = 2
slice_s = 0.5
[[phases]]
name = "revocation"
kind = "revocation"
scenario = "revocation"
rounds = 1
trials = {{ per_slice = 1, ttl_s = 2, background_fraction = 0.05 }}
"""
)
WORKERS = 2
MANY = 300


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("workers")
    process = start(folder, blocks=1, rounds=3, text=ALL_KINDS)
    _output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    assert process.returncode in {0, 3}
    yield folder
    assert left_behind(folder) == []


Measuring = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def measuring() -> Iterator[Measuring]:
    """Starts a run and waits for its first slice; what a failed test leaves behind is ended."""
    seen: list[psutil.Process] = []

    def started(folder: Path, **how: Any) -> subprocess.Popen[str]:
        process = start(folder, **how)
        seen.append(psutil.Process(process.pid))
        await_first_slice(folder)
        seen.extend(descendants(process.pid))
        return process

    yield started
    for each in seen:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def of(folder: Path, phase: str) -> list[SliceRecord]:
    return [record for record in slices(folder) if record.phase == phase]


def test_every_phase_is_played_by_both(finished: Path) -> None:
    walked = Counter(record.phase for record in slices(finished))
    assert walked.keys() == {"capacity", "latency-300", "slo", "revocation"}
    for record in slices(finished):
        assert len(record.workers) == WORKERS
        assert sum(worker.completed for worker in record.workers) == record.completed
        cpu_s = [worker.cpu_s or 0.0 for worker in record.workers]
        assert min(cpu_s) > 0
        # The master's own comes on top.
        assert (record.cpu_s.generator or 0.0) > sum(cpu_s)
        for endpoint in record.endpoints.values():
            assert set(endpoint.outcomes) == {"200"}
            assert Histogram.from_text(endpoint.response).count == sum(endpoint.outcomes.values())
    by_phase = [of(finished, phase) for phase in walked]
    for records in by_phase:
        for number in range(WORKERS):
            assert sum(record.workers[number].completed for record in records) > 0


def test_what_is_offered_is_drawn_as_for_one_generator(finished: Path) -> None:
    run = run_store.read_run(the_run(finished))
    (phase,) = (phase for phase in run.experiment.phases if phase.name == "latency-300")
    start_ns = int(phase.guard_s * 1e9)
    end_ns = start_ns + int(phase.slice_s * 1e9)
    drawn = [
        sum(due_ns >= start_ns for due_ns in part_dues_ns(part))
        for planned in plan_block(run.experiment, 0)
        if planned.phase == phase.name
        for part in [Part(planned, 0, phase.scenario, phase.load, 0, start_ns, end_ns)]
    ]
    assert [record.offered for record in of(finished, phase.name)] == drawn
    assert min(drawn) > 30


def test_parts_come_in_time(finished: Path) -> None:
    """Mostly: a busy machine may hold one back, and then it is said."""
    for record in slices(finished):
        assert all(worker.lead_s < 0.05 for worker in record.workers)
        late = any(worker.lead_s < 0 for worker in record.workers)
        assert ("late_worker" in record.findings) == late


def test_trials_are_made_once_beside_the_background_of_all(finished: Path) -> None:
    trials = list(run_store.read_revocations(the_run(finished), _refuse))
    assert sorted(trial.replica for trial in trials) == [0, 1]
    assert of(finished, "revocation")[0].offered > 0


def test_a_lost_worker_costs_its_block_and_no_more(tmp_path: Path, measuring: Measuring) -> None:
    """One that is killed, and one that is only silent and must be ended with its block."""
    process = measuring(tmp_path, blocks=3, rounds=4, text=EXPERIMENT)
    for block, number in enumerate((signal.SIGKILL, signal.SIGSTOP)):
        _await_slice_of(block, tmp_path)
        victim = _workers(_master(process))[1]
        victim.send_signal(number)
        wait_for(partial(are_gone, [victim]), START_S, "the worker gone")
    output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    assert process.returncode in {0, 3}
    run = run_store.read_run(the_run(tmp_path))
    assert run.status == "finished"
    (finding,) = [each for each in run.findings if each.name == "worker_lost"]
    walked = [[r for r in slices(tmp_path) if r.block == block] for block in range(3)]
    assert {r.phase for r in walked[2]} == {"capacity", "latency-300"}
    assert run.blocks[2].lost_worker is None
    for block, why in enumerate(("it ended", "it did not answer")):
        lost = run.blocks[block].lost_worker
        assert lost is not None
        assert lost.why == why
        where = f"worker {lost.worker} in {lost.phase}, round {lost.round}, of {lost.arm}: {why}"
        assert f"block {block}, {where}" in finding.message
        assert f"block {block + 1} ended early: {where}" in output
        # Up to the slice that lacks a share, and not that one.
        assert (lost.phase, lost.round) not in {(r.phase, r.round) for r in walked[block]}
        assert 0 < len(walked[block]) < len(walked[2])


def test_a_run_that_lost_all_workers_in_every_block_says_it_measured_nothing(
    tmp_path: Path, measuring: Measuring
) -> None:
    """In a slice so long that Locust's master has given up before the slice ends."""
    long = EXPERIMENT.replace("slice_s = 0.2", "slice_s = 8")
    process = measuring(tmp_path, blocks=1, text=long)
    for worker in _workers(_master(process)):
        worker.kill()
    output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    assert process.returncode == 3, output
    findings: tuple[Finding, ...] = run_store.read_run(the_run(tmp_path)).findings
    assert {f.phase for f in findings if f.name == "not_measured"} == {"latency-300"}
    (lost,) = (f for f in findings if f.name == "worker_lost")
    assert "in latency-300, round 0, of none" in lost.message


def test_nobody_outlives_a_killed_runner(tmp_path: Path, measuring: Measuring) -> None:
    """Nor does a worker that is stopped and can watch nothing."""
    process = measuring(tmp_path, blocks=2, rounds=MANY, text=EXPERIMENT)
    everything = descendants(process.pid)
    _workers(_master(process))[0].send_signal(signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=START_S)
    wait_for(lambda: are_gone(everything), 5.0, "everything gone")
    wait_for(lambda: left_behind(tmp_path) == [], 5.0, "no folder left")


def test_nobody_outlives_a_killed_master(tmp_path: Path, measuring: Measuring) -> None:
    """Workers end by themselves; one that is stopped is ended by the runner."""
    process = measuring(tmp_path, blocks=2, rounds=MANY, text=EXPERIMENT)
    everything = descendants(process.pid)
    master = _master(process)
    running, stopped = _workers(master)
    stopped.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGSTOP)
    master.kill()
    wait_for(lambda: are_gone([running]), 5.0, "the worker gone without the runner")
    assert not are_gone([stopped])
    process.send_signal(signal.SIGCONT)
    _output, errors = process.communicate(timeout=START_S)
    assert "the load generator ended early" in errors
    assert process.returncode == 1
    assert run_store.read_run(the_run(tmp_path)).status == "interrupted"
    wait_for(lambda: are_gone(everything), 5.0, "everything gone")
    assert left_behind(tmp_path) == []


def _master(process: subprocess.Popen[str]) -> psutil.Process:
    (found,) = [
        child
        for child in psutil.Process(process.pid).children()
        if "--processes" in child.cmdline()
    ]
    return found


def _workers(master: psutil.Process) -> list[psutil.Process]:
    return master.children()


def _await_slice_of(block: int, folder: Path) -> None:
    await_first_slice(folder)
    wait_for(
        lambda: any(record.block == block for record in slices(folder)), START_S, f"block {block}"
    )


def _refuse(line: str) -> None:
    raise AssertionError(line)

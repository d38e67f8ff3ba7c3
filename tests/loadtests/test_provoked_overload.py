"""Findings provoked for real, by a machine that is asked for too much and shared with others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analysis.reading import read
from analysis.report.summary import summarise
from loadtests import run_store
from loadtests.placement import place, usable_cpus
from tests.loadtests.tiny_run import START_S, start, the_run
from tests.processes import wait_for

# Nobody verifies 20,000 of these signatures a second on one core, and who checks one password at a
# time with a queue of one refuses most of 32 who log in at once.
EXPERIMENT = """
question = "What does a run say of an overload?"
seed = 13
blocks = {blocks}
reference = "jwt_eddsa"
population = 50
pool_users = 32
request_timeout_s = 2.0
warm_up_s = 0.05
max_repeats = 0
[server]
login_threads = 1
login_queue = 1
[[arms]]
strategy = "jwt_eddsa"
[[phases]]
name = "latency-20000"
kind = "latency"
scenario = "lookups"
load = {{ model = "poisson", rate_rps = 20000 }}
rounds = {rounds}
slice_s = 0.3
guard_s = 0.1
[[phases]]
name = "login"
kind = "login"
scenario = "login_storm"
load = {{ model = "closed", users = 32 }}
rounds = 4
slice_s = 0.3
guard_s = 0.0
"""
BUSY = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"


@contextmanager
def a_busy_neighbour() -> Iterator[None]:
    """On the servers' own CPU, as long as it is wanted."""
    cpu = place(usable_cpus()).server_cpus[0]
    with subprocess.Popen([sys.executable, "-c", BUSY, str(cpu)]) as process:
        try:
            yield
        finally:
            process.kill()


def has_measured(folder: Path) -> bool:
    """The first phase is over, as it has one slice, and the next one still lasts a while."""
    return any((folder / "results").glob(f"tiny-*/{run_store.SLICES_FILE}"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str | None]]:
    """Names and phases, of the run and of its analysis."""
    folder: Path = tmp_path_factory.mktemp("overloaded")
    process = start(folder, text=EXPERIMENT)
    wait_for(lambda: has_measured(folder), START_S, "a slice")
    with a_busy_neighbour():
        _output, errors = process.communicate(timeout=2 * START_S)
    assert errors == ""
    assert process.returncode == 3
    summary = summarise(read(the_run(folder)))
    return {(finding.name, finding.phase) for finding in summary.findings}


@pytest.mark.alone
@pytest.mark.skipif(
    not place(usable_cpus()).server_cpus, reason="needs CPUs that processes can be pinned to"
)
@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("at_cpu_limit", "latency-20000"),
        ("foreign_cpu", "login"),
        ("offered_rate_missed", "latency-20000"),
        ("errors", "login"),
        ("too_few_samples", "latency-20000"),
    ],
)
def test_it_is_found(found: set[tuple[str, str | None]], name: str, phase: str) -> None:
    assert (name, phase) in found

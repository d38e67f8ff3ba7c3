"""A whole run at two distances to the store, to its report, in a few seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.loadtests.tiny_run import ROOT, START_S, left_behind, slices, start, the_run
from tests.processes import are_gone, descendants, wait_for

EXPERIMENT = """
question = "How far may the store be?"
seed = 3
blocks = {blocks}
reference = "session_redis"
population = 100
pool_users = 32
warm_up_s = 0.05
max_repeats = 0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
[[arms]]
strategy = "session_redis"
[[arms]]
strategy = "jwt_hs256"
"""
PHASE = """
[[phases]]
name = "{name}"
kind = "{kind}"
scenario = "browse"
load = {{{{ model = {load} }}}}
rounds = 1
slice_s = 0.25
guard_s = 0.02
{distance}
"""
STEADY, USERS = '"constant", rate_rps = 200', '"closed", users = 4'
TEXT = EXPERIMENT + "".join(
    PHASE.format(name=name, kind=kind, load=load, distance=distance)
    for name, kind, load, distance in (
        ("near", "latency", STEADY, "store_delay_ms = 0"),
        ("far", "latency", STEADY, "store_delay_ms = 20"),
        ("users-far", "users", USERS, "store_delay_ms = 20"),
        ("unsaid", "latency", STEADY, ""),
    )
)


def test_a_run_measures_what_distance_does_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, text=TEXT)
    started = descendants(process.pid)

    def seen() -> bool:
        started.extend(descendants(process.pid))
        return process.poll() is not None

    wait_for(seen, START_S, "the end of the run")
    _output, errors = process.communicate()
    assert errors == ""
    # Whether a shared machine keeps the generator's core free is not for this test to say.
    assert process.returncode in {0, 3}
    assert started
    wait_for(lambda: are_gone(started), 5.0, "every process of the run ended")
    assert left_behind(tmp_path) == []

    by_place = {(each.arm, each.phase): each for each in slices(tmp_path)}
    for phase, asked_s in (("near", 0.0), ("far", 0.02), ("users-far", 0.02), ("unsaid", 0.0)):
        session, token = by_place["session_redis", phase], by_place["jwt_hs256", phase]
        assert (token.added_delay, token.cpu_s.proxy) == (None, None)
        added = session.added_delay
        assert added is not None
        assert added.asked_s == asked_s
        assert added.round_trips >= session.completed
        assert added.p50_s is not None
        assert added.trip_p50_s is not None
        assert asked_s <= added.p50_s < added.trip_p50_s
        assert (added.p50_s >= 0.02) == (asked_s > 0)
        assert session.cpu_s.proxy is not None
        assert session.cpu_s.proxy > 0
    report_says_so(the_run(tmp_path))


def report_says_so(folder: Path) -> None:
    reported = subprocess.run(
        [sys.executable, "-m", "analysis", "report", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a look-up of session_redis answers later" in reported.stdout
    summary = json.loads((folder / "summary.json").read_text())
    (crossover,) = summary["crossovers"]
    assert (crossover["look_up"], crossover["rival"]) == ("session_redis", "jwt_hs256")
    # From 20 ms away no look-up is quicker than a signature, whatever this machine does besides.
    assert crossover["never"] == 0
    assert crossover["furthest_ms"] > 20
    assert (folder / "charts" / "distance.png").exists()
    kinds = {r["metric"] for r in summary["results"] if r["phase"] == "users-far"}
    assert "throughput_rps" in kinds

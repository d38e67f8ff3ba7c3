"""An arm whose state fits no credential: said, left out, and the others measured."""

from __future__ import annotations

from pathlib import Path

from loadtests import run_store
from tests.loadtests.tiny_run import START_S, slices, start, the_run

LARGE = """
question = "What does state cost?"
blocks = 1
reference = "session_redis"
population = 40
pool_users = 4
warm_up_s = 0.05
max_repeats = 0
[server]
state_max_bytes = 8192
[[arms]]
strategy = "session_redis"
state_bytes = {session_bytes}
[[arms]]
strategy = "jwt_hs256"
state_bytes = 4000
[[phases]]
name = "mixed"
kind = "mixed"
scenario = "browse"
load = {{ model = "constant", rate_rps = 400 }}
rounds = 1
slice_s = 0.25
"""


def test_what_does_not_fit_is_said_and_the_rest_measured(tmp_path: Path) -> None:
    process = start(tmp_path, text=LARGE.replace("{session_bytes}", "4000"))
    output, errors = process.communicate(timeout=2 * START_S)
    assert (process.returncode, errors) == (0, "")
    assert "warning: impossible jwt_hs256: " in output
    (record,) = slices(tmp_path)
    assert record.arm == "session_redis"
    assert set(record.endpoints["GET /me"].outcomes) == {"200"}
    # 4,000 bytes went over the wire with every PUT /state, and with nothing else.
    writes = sum(record.endpoints["PUT /state"].outcomes.values())
    assert 4_000 * writes < record.wire_bytes.sent < 4_000 * writes + 400 * record.completed
    (block,) = run_store.read_run(the_run(tmp_path)).blocks
    assert block.arms["session_redis"].impossible is None
    assert (block.arms["session_redis"].store_bytes_per_login or 0) > 4_000
    assert "at most 4096 travel" in (block.arms["jwt_hs256"].impossible or "")


def test_a_run_without_a_possible_arm_says_so_in_one_line(tmp_path: Path) -> None:
    process = start(tmp_path, text=LARGE.replace("{session_bytes}", "9000"))
    _output, errors = process.communicate(timeout=2 * START_S)
    assert process.returncode == 2
    (line,) = errors.splitlines()
    assert "tiny.toml: arms: none of them is possible: " in line
    assert "allowed: at least one" in line

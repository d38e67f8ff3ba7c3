"""A tiny experiment on real servers, a real store and a real Locust, for tests to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from loadtests import run_store
from loadtests.model import RevocationRecord, SliceRecord
from tests.processes import wait_for

ROOT = Path(__file__).parent.parent.parent
# Generous: the suite shares its CPUs with whatever else this machine does.
START_S = 40.0

EXPERIMENT = """
question = "Does the whole path work?"
seed = 3
blocks = {blocks}
reference = "session_redis"
control = "session_redis"
population = 200
pool_users = 8
warm_up_s = 0.05
max_repeats = 0
[server]
argon2_memory_kib = 64
argon2_time_cost = 1
argon2_parallelism = 1
[[arms]]
strategy = "session_redis"
replicas = 2
[[arms]]
strategy = "jwt_hs256"
replicas = 1
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = {{ model = "closed", users = 8 }}
rounds = {rounds}
slice_s = 0.1
guard_s = 0.02
[[phases]]
name = "latency-200"
kind = "latency"
scenario = "browse"
load = {{ model = "constant", rate_rps = 200 }}
rounds = 1
slice_s = 0.25
guard_s = 0.02
[[phases]]
name = "visits"
kind = "mixed"
scenario = "journey"
load = {{ model = "constant", rate_rps = 20 }}
rounds = 1
slice_s = 0.25
[[phases]]
name = "revocation"
kind = "revocation"
scenario = "revocation"
rounds = 1
trials = {{ per_slice = 2, concurrent = 2, ttl_s = 2, background_fraction = 0.5 }}
"""


def start(
    folder: Path, *, blocks: int = 1, rounds: int = 1, redis_url: str = "", text: str = EXPERIMENT
) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    (folder / "tiny.toml").write_text(text.format(blocks=blocks, rounds=rounds))
    environment = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "loadtests", "run", str(folder / "tiny.toml")),
            *("--results", str(folder / "results")),
        ],
        cwd=ROOT,
        env=environment
        | {"TMPDIR": str(folder / "tmp")}
        | ({"REDIS_URL": redis_url} if redis_url else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def the_run(folder: Path) -> Path:
    (found,) = (folder / "results").glob("tiny-*")
    return found


def refuse(line: str) -> None:
    raise AssertionError(line)


def slices(folder: Path) -> list[SliceRecord]:
    return list(run_store.read_slices(the_run(folder), refuse))


def trials(folder: Path) -> list[RevocationRecord]:
    return list(run_store.read_revocations(the_run(folder), refuse))


def await_first_slice(folder: Path) -> None:
    wait_for(
        lambda: any((folder / "results").glob(f"tiny-*/{run_store.SLICES_FILE}")),
        START_S,
        "a first slice",
    )


def left_behind(folder: Path) -> list[Path]:
    """What a run made in its own temporary folder and did not remove."""
    return list((folder / "tmp").iterdir())

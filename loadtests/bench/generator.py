"""Our client against Locust's FastHttpUser, on one core, at a server that outruns both.

Rounds are added until what a request costs is known to 5%; where it lies counts for nothing in
that.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.progress import track
from rich.table import Table

from loadtests import placement
from loadtests.bench.goals import Goal, judge
from loadtests.bench.static_server import static_server
from loadtests.intervals import ratio_interval, t_interval
from loadtests.target import MeasurementError

LEAST_ROUNDS, MOST_ROUNDS = 6, 40
NARROW = 0.05
SLICE_S = 1.0
USERS = 32
SLICE_TIMEOUT_S = 60.0
FAST, FIRED, PLANNED = "FastUser", "FiredUser", "PlannedUser"
LABELS = {
    FAST: "FastHttpUser",
    FIRED: "ours, by hand",
    PLANNED: "ours, in a run",
}
LEAST_RATIO = {PLANNED: 5.0, FIRED: 4.0}
MOST_CPU_US = 25.0


@dataclass(frozen=True, slots=True)
class Slice:
    """What one user class did in a slice, and the CPU of its process, in seconds."""

    requests: int
    cpu_s: float
    duration_s: float


def main(console: Console) -> int:
    """Interleaved slices in shuffled order; 0: every goal reached, 1: one missed beyond doubt."""
    where = placement.place(placement.usable_cpus())
    slices: dict[str, list[Slice]] = defaultdict(list)
    with static_server(where.server_cpus) as server:
        for number in track(range(MOST_ROUNDS), "rounds", console=console, transient=True):
            for user in random.Random(number).sample(sorted(LABELS), len(LABELS)):  # noqa: S311
                slices[user].append(measure(user, server.url, where.generator_cpus))
            if number + 1 >= LEAST_ROUNDS and is_narrow(slices[PLANNED]):
                break
        console.print(_table(slices, server.name))
    return judge(console, goals(slices))


def is_narrow(slices: Sequence[Slice]) -> bool:
    """Whether the CPU of a request is known well enough to stop."""
    spent_us = t_interval([_cpu_us(each) for each in slices])
    return spent_us.half_width <= NARROW * spent_us.middle


def _table(slices: dict[str, list[Slice]], server: str) -> Table:
    table = Table(
        "client", "req/s", "req per CPU s", "CPU µs a request", "core busy",
        title=f"GET /me at {server}; {USERS} users, {len(slices[PLANNED])} rounds of {SLICE_S:g} s",
    )  # fmt: skip
    for user, label in LABELS.items():
        table.add_row(
            label,
            f"{mean(s.requests / s.duration_s for s in slices[user]):,.0f}",
            f"{mean(s.requests / s.cpu_s for s in slices[user]):,.0f}",
            f"{mean(_cpu_us(s) for s in slices[user]):.1f}",
            f"{mean(s.cpu_s / s.duration_s for s in slices[user]):.0%}",
        )
    return table


def goals(slices: Mapping[str, Sequence[Slice]]) -> list[Goal]:
    """Reached is what its whole interval reaches: a noisy machine shows nothing."""
    cpu_us = {user: [_cpu_us(each) for each in slices[user]] for user in LABELS}
    judged = []
    for user, least in LEAST_RATIO.items():
        ratio = ratio_interval(cpu_us[FAST], cpu_us[user])
        what = f"{LABELS[user]} ÷ {LABELS[FAST]}, requests per core"
        judged.append(Goal(what, f"≥ {least:g}", str(ratio), ratio.low >= least))
    spent_us = t_interval(cpu_us[PLANNED])
    what = f"{LABELS[PLANNED]}, CPU µs a request"
    return [*judged, Goal(what, f"≤ {MOST_CPU_US:g}", str(spent_us), spent_us.high <= MOST_CPU_US)]


def _cpu_us(each: Slice) -> float:
    return 1e6 * each.cpu_s / each.requests


def measure(user: str, url: str, cpus: tuple[int, ...], slice_s: float = SLICE_S) -> Slice:
    """One user class for `slice_s` in a process of its own. Raises MeasurementError when requests
    failed or it told nothing."""
    rivals = Path(__file__).with_name("rivals.py")
    command = [
        *(sys.executable, "-m", "locust", "-f", str(rivals), user, "--headless", "--host", url),
        *("--users", str(USERS), "--spawn-rate", str(USERS), "--only-summary"),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "BENCH_DURATION_S": str(slice_s)},
    ) as process:
        try:
            placement.pin(process.pid, cpus)
            output, _ = process.communicate(timeout=SLICE_TIMEOUT_S)
        finally:
            process.kill()
    line = next((line for line in output.splitlines() if line.startswith(b"{")), None)
    if line is None:
        raise MeasurementError(f"{LABELS[user]}: told nothing of {url}")
    seen = json.loads(line)
    if seen.pop("failed"):
        raise MeasurementError(f"{LABELS[user]}: requests failed at {url}")
    return Slice(**seen)

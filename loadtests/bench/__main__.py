"""python -m loadtests.bench: our client against FastHttpUser, and how exactly requests leave."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from loadtests import placement
from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.bench.static_server import static_server

ROUNDS = 6
DURATION_S = 1.0
USERS = 32
GOAL_RATIO = 4.0
# (rate, p50 goal in µs or None, p99 goal in µs)
DISPATCH_GOALS = ((2_000.0, 60.0, 300.0), (10_000.0, None, 500.0))
OFFERED_GOAL = 0.005


def main() -> int:
    console = Console()
    where = placement.place(placement.usable_cpus())
    missed = _rivals(console, where.server_cpus, where.generator_cpus)
    missed += _dispatch(console)
    console.print(f"{missed} goals missed" if missed else "every goal reached", highlight=False)
    return 1 if missed else 0


def _rivals(console: Console, server_cpus: tuple[int, ...], own_cpus: tuple[int, ...]) -> int:
    """Interleaved slices, ratio of requests per second of generator CPU with a t interval."""
    rates: dict[str, list[float]] = {"FastUser": [], "OurUser": []}
    throughput: dict[str, list[float]] = {"FastUser": [], "OurUser": []}
    with static_server(server_cpus) as server:
        for number in range(ROUNDS):
            for user in random.Random(number).sample(sorted(rates), len(rates)):  # noqa: S311
                seen = _slice(user, server.url, own_cpus)
                rates[user].append(seen["requests"] / seen["cpu_s"])
                throughput[user].append(seen["requests"] / seen["duration_s"])
        name = server.name
    logs = [math.log(b / a) for a, b in zip(rates["FastUser"], rates["OurUser"], strict=True)]
    half = float(student.ppf(0.975, ROUNDS - 1)) * stdev(logs) / math.sqrt(ROUNDS)
    low, ratio, high = (math.exp(mean(logs) + d) for d in (-half, 0.0, half))
    table = Table("client", "req/s", "req per CPU s", "CPU µs a request", title=f"against {name}")
    for user, label in (("FastUser", "FastHttpUser"), ("OurUser", "ours, event fired")):
        table.add_row(
            label,
            f"{mean(throughput[user]):,.0f}",
            f"{mean(rates[user]):,.0f}",
            f"{1e6 / mean(rates[user]):.1f}",
        )
    console.print(table)
    reached = high >= GOAL_RATIO
    console.print(
        f"ours ÷ FastHttpUser, per generator core: {ratio:.2f} ({low:.2f}–{high:.2f}), "
        f"goal {GOAL_RATIO:g}: {'pass' if reached else 'fail'}",
        highlight=False,
    )
    return int(not reached)


def _slice(user: str, url: str, own_cpus: tuple[int, ...]) -> dict[str, float]:
    rivals = Path(__file__).with_name("rivals.py")
    command = [
        *(sys.executable, "-m", "locust", "-f", str(rivals), user, "--headless", "--host", url),
        *("--users", str(USERS), "--spawn-rate", str(USERS), "--only-summary"),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "BENCH_DURATION_S": str(DURATION_S)},
    ) as process:
        placement.pin(process.pid, own_cpus)
        output, _ = process.communicate(timeout=60)
    seen: dict[str, float] = json.loads(next(x for x in output.splitlines() if x.startswith(b"{")))
    if seen["failed"]:
        raise SystemExit(f"{user}: {seen['failed']:.0f} requests failed against {url}")
    return seen


def _dispatch(console: Console) -> int:
    table = Table(
        "due times", "asked req/s", "offered", "lag p50 µs", "lag p99 µs", "goal", "",
        title="dispatch lag (sent − due) against `none`, generator on its own core",
    )  # fmt: skip
    missed = 0
    for result in measure_dispatch([rate for rate, _p50, _p99 in DISPATCH_GOALS]):
        reached = _reached(result)
        missed += not reached
        _, p50, p99 = next(goal for goal in DISPATCH_GOALS if goal[0] == result.rate_rps)
        goal = f"p99 ≤ {p99:.0f}" if p50 is None else f"p50 ≤ {p50:.0f}, p99 ≤ {p99:.0f}"
        table.add_row(
            result.model,
            f"{result.rate_rps:,.0f}",
            f"{result.offered / result.expected:.2%}",
            f"{result.lag_p50_us:.0f}",
            f"{result.lag_p99_us:.0f}",
            goal,
            "pass" if reached else "fail",
        )
    console.print(table)
    return missed


def _reached(result: DispatchResult) -> bool:
    _, p50, p99 = next(goal for goal in DISPATCH_GOALS if goal[0] == result.rate_rps)
    met = abs(result.offered / result.expected - 1) <= OFFERED_GOAL
    return met and result.lag_p99_us <= p99 and (p50 is None or result.lag_p50_us <= p50)


if __name__ == "__main__":
    sys.exit(main())

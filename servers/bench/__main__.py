"""`python -m servers.bench`: interleaved short slices of every contestant, and a table; with
`--logins` what logins cost to mint and to keep.

Ratios are of requests per second of the server's own CPU: on a core that it fills that is its
throughput, and it stays comparable when something else takes a share of the core.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import uvloop

from servers.bench import logins
from servers.bench.contestants import COOKIE, GOALS, RIVALS, Contestant, Goal, contestants
from servers.bench.drive import Driver
from servers.bench.process import DRIVER_CPU, CannotRace, cpu_s, pin
from servers.bench.ratios import paired_ratio


@dataclass(slots=True)
class Rates:
    """One contestant's requests per second, round by round: of the clock, of its CPU."""

    of_clock: list[float] = field(default_factory=list)
    of_cpu: list[float] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """0: every goal reached or undecided; 1: one missed; 2: it could not start."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.rounds < 2:
        parser.error("--rounds: at least 2, as an interval needs a spread")
    if given.logins is not None and given.logins < 1:
        parser.error("--logins: at least 1")
    pin(DRIVER_CPU)
    try:
        if given.logins is not None:
            return logins.main(given.logins, partial(print, flush=True))
        with contestants(given.store, given.connections) as racers:
            rates = uvloop.run(_race(racers, given.rounds, given.slice_s, given.seed))
    except CannotRace as error:
        print(error, file=sys.stderr)
        return 2
    lines, any_missed = _goal_lines(rates, GOALS)
    print("\n".join(_cookie_lines(rates)))
    print(f"GET /me, {given.rounds} rounds, ratio of req/CPU-s with its 95% interval:")
    print("\n".join(lines))
    print("  (missed only when the whole interval is below the goal)")
    return int(any_missed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m servers.bench")
    parser.add_argument("--store", default=os.environ.get("REDIS_URL"), help="default: its own")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--slice-s", type=float, default=0.5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--logins",
        type=int,
        nargs="?",
        const=logins.USUAL,
        metavar="N",
        help=f"no race: what N logins (default {logins.USUAL:,}) cost to mint and to keep",
    )
    return parser


async def _race(
    racers: Sequence[Contestant], rounds: int, slice_s: float, seed: int
) -> dict[str, Rates]:
    """The first round warms up and is not kept."""
    drivers = [await Driver.connect(racer.server.port, racer.requests) for racer in racers]
    rates = {racer.name: Rates() for racer in racers}
    order = list(zip(racers, drivers, strict=True))
    shuffle = random.Random(seed).shuffle  # noqa: S311 - an order, not a secret
    for number in range(rounds + 1):
        shuffle(order)
        for racer, driver in order:
            await _slice(racer, driver, slice_s, rates[racer.name] if number else Rates())
    for driver in drivers:
        driver.close()
    return rates


async def _slice(racer: Contestant, driver: Driver, slice_s: float, rates: Rates) -> None:
    cpu_before_s, before_s = cpu_s(racer.server.pid), time.perf_counter()
    answers = await driver.drive(slice_s)
    rates.of_clock.append(answers / (time.perf_counter() - before_s))
    rates.of_cpu.append(answers / (cpu_s(racer.server.pid) - cpu_before_s))


def _goal_lines(rates: Mapping[str, Rates], goals: Sequence[Goal]) -> tuple[list[str], bool]:
    """The lines to print, and whether a goal was missed beyond doubt."""
    lines, any_missed = [], False
    for goal in goals:
        ours, theirs = rates[goal.candidate], rates[goal.reference]
        ratio = paired_ratio(ours.of_cpu, theirs.of_cpu)
        missed = ratio.high < goal.least
        any_missed |= missed
        lines.append(
            f"  {goal.candidate:25}{_speed(ours)}   {goal.reference:20}{_speed(theirs)}"
            f"   {ratio}   goal {goal.least:.2f}  {'MISSED' if missed else 'pass'}"
        )
    return lines, any_missed


def _cookie_lines(rates: Mapping[str, Rates]) -> list[str]:
    lines = ["The cookie carrier's extra cost, CPU a request:"]
    for strategy in (goal.candidate for goal in RIVALS):
        cookie, bearer = rates[strategy + COOKIE].of_cpu, rates[strategy].of_cpu
        extra_us = 1e6 / median(cookie) - 1e6 / median(bearer)
        ratio = paired_ratio(cookie, bearer)
        lines.append(f"  {strategy:25}{extra_us:+5.1f} µs   cookie ÷ bearer {ratio}")
    return lines


def _speed(rates: Rates) -> str:
    return f"{median(rates.of_clock):8,.0f} req/s {1e6 / median(rates.of_cpu):6.1f} µs"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

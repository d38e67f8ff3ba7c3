"""How late requests leave, at the rates that experiments ask for."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.bench.goals import Goal, judge
from loadtests.placement import place, usable_cpus

OFFERED_GOAL = 0.005


@dataclass(frozen=True, slots=True)
class LagGoal:
    """The most that dispatch lag (sent − due) may be at a rate, in µs."""

    rate_rps: float
    p99_us: float
    p50_us: float | None = None


LAG_GOALS = (
    LagGoal(1_000.0, 300.0, 60.0),
    LagGoal(2_000.0, 300.0, 60.0),
    LagGoal(5_000.0, 500.0),
    LagGoal(10_000.0, 500.0),
)


def main(console: Console) -> int:
    by_rate = {goal.rate_rps: goal for goal in LAG_GOALS}
    server, results = measure_dispatch(list(by_rate), place(usable_cpus()))
    console.print(f"dispatch lag (sent − due) at {server}", highlight=False)
    return judge(console, [judged(result, by_rate[result.rate_rps]) for result in results])


def judged(result: DispatchResult, goal: LagGoal) -> Goal:
    """A slice's line of the table: how late requests left, and how many of those due."""
    off = result.offered - result.expected
    at_most, lags, is_reached = [], [], abs(off) <= OFFERED_GOAL * result.expected
    for name, most_us, lag_us in (
        ("p50", goal.p50_us, result.lag_p50_us),
        ("p99", goal.p99_us, result.lag_p99_us),
    ):
        lags.append(f"{name} {lag_us:,.0f} µs")
        if most_us is not None:
            at_most.append(f"{name} ≤ {most_us:.0f} µs")
            is_reached = is_reached and lag_us <= most_us
    return Goal(
        what=f"{result.model}, {result.rate_rps:,.0f} req/s",
        goal=", ".join([*at_most, f"offered ± {OFFERED_GOAL:.1%}"]),
        measured=", ".join([*lags, f"{off / result.expected:+.2%}"]),
        is_reached=is_reached,
    )

"""How late requests leave, at the rates that experiments ask for."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.bench.goals import Goal, judge

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
    results = measure_dispatch([goal.rate_rps for goal in LAG_GOALS])
    by_rate = {goal.rate_rps: goal for goal in LAG_GOALS}
    goals = [each for result in results for each in judged(result, by_rate[result.rate_rps])]
    console.print("dispatch lag (sent − due) at two replicas of `none`", highlight=False)
    return judge(console, goals)


def judged(result: DispatchResult, goal: LagGoal) -> list[Goal]:
    """A slice's lines of the table: what was offered, and how late it left."""
    at = f"{result.model}, {result.rate_rps:,.0f} req/s"
    off = result.offered / result.expected - 1
    goals = [
        Goal(f"{at}: offered", f"± {OFFERED_GOAL:.1%}", f"{off:+.2%}", abs(off) <= OFFERED_GOAL)
    ]
    if goal.p50_us is not None:
        goals.append(_lag(f"{at}: lag p50 µs", goal.p50_us, result.lag_p50_us))
    return [*goals, _lag(f"{at}: lag p99 µs", goal.p99_us, result.lag_p99_us)]


def _lag(what: str, most_us: float, lag_us: float) -> Goal:
    return Goal(what, f"≤ {most_us:.0f}", f"{lag_us:.0f}", lag_us <= most_us)

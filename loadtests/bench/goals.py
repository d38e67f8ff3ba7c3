"""A table of goals: what was asked for, what was measured, pass or fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

EXIT_REACHED, EXIT_MISSED = 0, 1


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table; the texts hold their units."""

    what: str
    goal: str
    measured: str
    is_reached: bool


def judge(console: Console, goals: Sequence[Goal]) -> int:
    """Prints the table and how it ends; returns the exit status."""
    table = Table("", "goal", "measured", "")
    for each in goals:
        verdict = "pass" if each.is_reached else "fail"
        table.add_row(each.what, each.goal, each.measured, verdict)
    console.print(table)
    missed = sum(not each.is_reached for each in goals)
    console.print(
        f"{missed} of {len(goals)} goals missed" if missed else "every goal reached",
        highlight=False,
    )
    return EXIT_MISSED if missed else EXIT_REACHED

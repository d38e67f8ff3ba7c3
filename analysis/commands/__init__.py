"""The commands of `python -m analysis`, one file each: its flags, and a function from them to what
it says."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.gates import any_failed
from analysis.report.summary import Summary

OK = 0
GOAL_MISSED = 1
USAGE_ERROR = 2
INVALID_RUN = 3
GATE_FAILED = 4

Command = Callable[[argparse.Namespace], "Told"]
if TYPE_CHECKING:
    # argparse gives what add_subparsers returns no public name.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


@dataclass(frozen=True, slots=True)
class Told:
    """What a command prints, and its exit status."""

    lines: tuple[str, ...]
    status: int


def status_of(summary: Summary) -> int:
    """An INVALID run comes before a failed gate: its numbers decide nothing."""
    if summary.verdict == "INVALID":
        return INVALID_RUN
    return GATE_FAILED if any_failed(summary.gates) else OK


def add_gate_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="RULE",
        help="what must hold, beside the experiment's own [gate] rules (repeatable): "
        "'ARM.PHASE.METRIC >= NUMBER' or '… >= FACTOR * ARM.PHASE.METRIC', with >=, <=, > or <; "
        "see docs/comparing.md",
    )

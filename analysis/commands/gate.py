"""`gate FOLDER`: judges what must hold between a run's numbers, and writes nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands import Told, add_gate_flag, status_of
from analysis.reading import read
from analysis.report.gate_table import gate_line
from analysis.report.summary import summarise
from loadtests.model import ConfigurationError

if TYPE_CHECKING:
    from analysis.commands import Commands


def add(commands: Commands) -> None:
    gate = commands.add_parser("gate", help="judge a run's gates; exit status 4 when one failed")
    gate.add_argument("folder", type=Path, help="a run folder, such as results/latest")
    add_gate_flag(gate)
    gate.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError for a bad rule, and when there is none: a check that checks
    nothing must not look like one that passed."""
    summary = summarise(read(options.folder), options.gate)
    if not summary.gates:
        raise ConfigurationError(
            f"{options.folder}: no gate to judge; allowed: --gate RULE, or an experiment with "
            "[gate] rules"
        )
    lines = (f"{summary.verdict}: {options.folder}", *map(gate_line, summary.gates))
    return Told(lines, status_of(summary))

"""`aa FOLDER`: whether verdicts can be trusted, from a run of identical arms."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.aa import chart
from analysis.aa.document import as_json
from analysis.aa.page import as_markdown, conclusion, goal_lines
from analysis.aa.simulation import EXPERIMENTS
from analysis.aa.trust import Trust, trust_of
from analysis.charts.chart import drawn
from analysis.commands import GOAL_MISSED, INVALID_RUN, OK, Told
from analysis.report import CHARTS_FOLDER, write_drawing
from loadtests.run_store import write_atomically

if TYPE_CHECKING:
    from analysis.commands import Commands

PAGE, DOCUMENT = "aa.md", "aa.json"


def add(commands: Commands) -> None:
    aa = commands.add_parser(
        "aa", help="judge the judge: intervals and verdicts where nothing differs"
    )
    aa.add_argument("folder", type=Path, help="the folder of a run of `aa`, or of its kind")
    aa.add_argument(
        "--experiments",
        type=_count,
        default=EXPERIMENTS,
        metavar="N",
        help=f"how many to simulate for each metric and number of blocks (default {EXPERIMENTS})",
    )
    aa.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError when the folder holds no A/A run."""
    trust = trust_of(options.folder, experiments=options.experiments)
    charts = options.folder / CHARTS_FOLDER
    charts.mkdir(exist_ok=True)
    write_drawing(charts, chart.NAME, *drawn(lambda: chart.figure_of(trust)))
    write_atomically(options.folder / DOCUMENT, as_json(trust))
    write_atomically(options.folder / PAGE, as_markdown(trust))
    return told_of(trust, options.folder / PAGE)


def told_of(trust: Trust, page: Path) -> Told:
    lines = (
        f"{trust.summary.verdict}: {conclusion(trust)}",
        f"A/A: {page}",
        *goal_lines(trust.goals),
    )
    return Told(lines, _status(trust))


def _status(trust: Trust) -> int:
    if trust.summary.verdict == "INVALID":
        return INVALID_RUN
    return OK if trust.passed else GOAL_MISSED


def _count(text: str) -> int:
    """Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number of at least 1")
    return int(text)

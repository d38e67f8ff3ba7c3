"""`widths FOLDER`: how wide the intervals of the comparisons are that a run is to make narrow.

Widths alone: a run that decides by them whether to go on must not see where the intervals lie.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands import OK, Told
from analysis.compare import paired
from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.results import Result, results_of
from loadtests.gates import Term, read_term
from loadtests.model import ConfigurationError

if TYPE_CHECKING:
    from analysis.commands import Commands


def add(commands: Commands) -> None:
    widths = commands.add_parser(
        "widths", help="half-widths of the intervals that `precision` asks to be narrow, as JSON"
    )
    widths.add_argument("folder", type=Path, help="a run folder, such as results/latest")
    widths.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError when the experiment asks for no precision."""
    reading = read(options.folder)
    precision = reading.experiment.precision
    if precision is None:
        raise ConfigurationError(
            f"{options.folder}: its experiment has no `precision`, so no width is asked for"
        )
    widths = {name: half_width(reading, read_term(name)) for name in precision.comparisons}
    return Told((json.dumps(widths),), OK)


def half_width(reading: Reading, term: Term) -> float | None:
    """Half of the 95% interval of the term ÷ the reference's, paired by block, as a share of the
    ratio; None where there is no interval."""
    metric = METRICS[term.metric]
    results = [
        result
        for result in results_of(reading, [metric])
        if result.phase == term.phase and term.endpoint in {None, result.endpoint}
    ]
    reference = _of(results, reading.experiment.reference)
    candidate = _of(results, term.arm)
    if reference is None or candidate is None:
        return None
    interval = paired(reference, candidate)
    if isinstance(interval, str) or interval.low is None or interval.high is None:
        return None
    return math.expm1((interval.high - interval.low) / 2)


def _of(results: list[Result], arm: str) -> Result | None:
    return next((result for result in results if result.arm == arm), None)

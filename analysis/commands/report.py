"""`report FOLDER`: writes a run's report beside its data and says what it shows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands import Told, add_gate_flag, status_of
from analysis.metrics import METRICS, Metric, named
from analysis.report import Written, write_report
from analysis.report.gate_table import gate_line
from analysis.report.numbers_tables import value_text
from analysis.report.sentences import times_phrase, verdict_phrase

if TYPE_CHECKING:
    from analysis.commands import Commands


def add(commands: Commands) -> None:
    report = commands.add_parser("report", help="write and summarise the report of a run")
    report.add_argument("folder", type=Path, help="a run folder, such as results/latest")
    report.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help=f"also print this metric of every arm; one of {', '.join(METRICS)}",
    )
    add_gate_flag(report)
    report.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError before anything is written."""
    metrics = named(options.metric)
    written = write_report(options.folder, options.gate)
    return Told(tuple(_said(written, metrics)), status_of(written.summary))


def _said(written: Written, metrics: Sequence[Metric]) -> Iterator[str]:
    yield f"{written.content.verdict}: {written.content.title}"
    yield from (f"  {sentence}" for sentence in written.content.sentences)
    yield f"  {written.content.placement}"
    for metric in metrics:
        yield from _metric_lines(written, metric)
    yield f"Report: {written.page}"
    yield from map(gate_line, written.summary.gates)


def _metric_lines(written: Written, metric: Metric) -> Iterator[str]:
    yield f"{metric.label} ({metric.unit})"
    for result in written.summary.results:
        if result.metric is metric:
            said = (
                value_text(result).replace("\n", " ")
                if result.reason is None
                else f"none: {result.reason}"
            )
            yield f"  {_where(result.phase, result.endpoint)}  {result.arm}: {said}"
    for comparison in written.summary.comparisons:
        if comparison.metric is metric and comparison.ratio is not None:
            pair = f"{comparison.candidate} ÷ {comparison.reference}"
            said = f"{times_phrase(comparison)}: {verdict_phrase(comparison)}"
            yield f"  {_where(comparison.phase, comparison.endpoint)}  {pair}: {said}"


def _where(phase: str | None, endpoint: str | None) -> str:
    return " ".join(part for part in (phase, endpoint) if part) or "all phases"

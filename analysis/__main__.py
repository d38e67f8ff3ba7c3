"""`python -m analysis report FOLDER`: what a run shows, in words, tables and charts.

Exit status 0 when the run is VALID, 3 when it is INVALID (the report is written all the same), 2
when there is nothing to report on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.metrics import METRICS, Metric, named
from analysis.report import Written, write_report
from analysis.report.numbers_tables import value_text
from analysis.report.sentences import times_phrase, verdict_phrase
from loadtests.model import ConfigurationError

USAGE_ERROR = 2
INVALID_RUN = 3


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        metrics = named(options.metric)
        written = write_report(options.folder)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    for line in _said(written, metrics):
        print(line)
    return 0 if written.summary.verdict == "VALID" else INVALID_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(required=True)
    report = commands.add_parser("report", help="write and summarise the report of a run")
    report.add_argument("folder", type=Path, help="a run folder, such as results/latest")
    report.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help=f"also print this metric of every arm; one of {', '.join(METRICS)}",
    )
    return parser


def _said(written: Written, metrics: Sequence[Metric]) -> Iterator[str]:
    yield f"{written.content.verdict}: {written.content.title}"
    yield from (f"  {sentence}" for sentence in written.content.sentences)
    yield f"  {written.content.placement}"
    for metric in metrics:
        yield from _metric_lines(written, metric)
    yield f"Report: {written.page}"


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


if __name__ == "__main__":
    sys.exit(main())

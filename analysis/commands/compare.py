"""`compare A B`: what changed from run A to run B, arm by arm."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands import INVALID_RUN, OK, Told
from analysis.reading import read
from analysis.report.summary import Summary, summarise
from analysis.runs.changes import compare_runs
from analysis.runs.differences import differences_of
from analysis.runs.document import as_json
from analysis.runs.page import as_markdown, counted, warnings_of
from loadtests.model import ConfigurationError
from loadtests.run_store import read_run, write_atomically

if TYPE_CHECKING:
    from analysis.commands import Commands


def add(commands: Commands) -> None:
    compare = commands.add_parser("compare", help="compare two runs, arm by arm: B ÷ A")
    compare.add_argument("before", type=Path, metavar="A", help="the run folder to compare with")
    compare.add_argument("after", type=Path, metavar="B", help="the run folder to judge")
    compare.add_argument(
        "--force",
        action="store_true",
        help="compare also what was measured in other circumstances; the output says which",
    )
    compare.add_argument("--json", type=Path, metavar="FILE", help="also write JSON to FILE")
    compare.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the Markdown to FILE, not to stdout"
    )
    compare.set_defaults(command=run)


def run(options: argparse.Namespace) -> Told:
    """Raises ConfigurationError, a line for each difference, unless the two compare."""
    if not options.force:
        _refuse_differences(options.before, options.after)
    before, after = _summary(options.before), _summary(options.after)
    comparison = compare_runs(before, after)
    page = as_markdown(comparison, options.before, options.after)
    if options.json is not None:
        _write(options.json, as_json(comparison, options.before, options.after))
    if options.markdown is None:
        lines = tuple(page.splitlines())
    else:
        _write(options.markdown, page)
        lines = (*warnings_of(comparison), counted(comparison), f"Comparison: {options.markdown}")
    invalid = "INVALID" in (before.verdict, after.verdict)
    return Told(lines, INVALID_RUN if invalid else OK)


def _refuse_differences(before: Path, after: Path) -> None:
    differences = differences_of(read_run(before), read_run(after))
    if differences:
        raise ConfigurationError(
            "\n".join(
                (
                    *(f"not the same in both runs: {each}" for each in differences),
                    "these runs do not compare; --force compares them all the same",
                )
            )
        )


def _summary(folder: Path) -> Summary:
    return summarise(read(folder))


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None

"""What run folders show, in words, tables and charts.

Exit status 0 when every run read is VALID, 1 when an A/A run misses a goal, 2 when there is
nothing to report on or to compare, 3 when a run is INVALID (what was asked for is done all the
same), 4 when a gate failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from analysis.commands import USAGE_ERROR, aa, calibration, compare, gate, report, widths
from loadtests.model import ConfigurationError

COMMANDS = (report, compare, gate, widths, aa, calibration)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        told = options.command(options)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    _print(told.lines)
    return int(told.status)


def _print(lines: Iterable[str]) -> None:
    """A reader that has seen enough (`| head`) is no failure."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer is written when the process ends, and must find a taker.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

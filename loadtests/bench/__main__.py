"""python -m loadtests.bench generator | dispatch: what the generator can do on this machine."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from loadtests.bench import dispatch_table, generator
from loadtests.model import ConfigurationError
from loadtests.target import MeasurementError

EXIT_FAILURE, EXIT_CONFIGURATION = 1, 2


def main() -> int:
    """0: every goal reached; 1: one missed, or something died; 2: it could not start."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.command(Console()))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench", description="Measures the generator itself."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("generator", generator.main, "our client against Locust's own, requests a core"),
        ("dispatch", dispatch_table.main, "how late requests leave, at 1,000 to 10,000 a second"),
    ):
        commands.add_parser(name, help=text).set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())

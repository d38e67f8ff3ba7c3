"""The generator itself is measured: python -m loadtests.bench generator, dispatch, workers or
crosscheck."""

from __future__ import annotations

import argparse
import signal
import sys

from rich.console import Console

from loadtests.awake import kept_awake
from loadtests.bench import crosscheck, dispatch_table, generator, workers
from loadtests.model import ConfigurationError
from loadtests.target import MeasurementError

EXIT_FAILURE, EXIT_CONFIGURATION, EXIT_INTERRUPTED = 1, 2, 130


def main() -> int:
    """0: every goal reached; 1: one missed, or something died; 2: it could not start; 130: ^C."""
    arguments = _parser().parse_args()
    # Also in the background, where a shell starts commands with Ctrl-C ignored, and for a kill.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with kept_awake():
            return int(arguments.command(Console(), arguments))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _generator(console: Console, _arguments: argparse.Namespace) -> int:
    return generator.main(console)


def _dispatch(console: Console, _arguments: argparse.Namespace) -> int:
    return dispatch_table.main(console)


def _workers(console: Console, _arguments: argparse.Namespace) -> int:
    return workers.main(console)


def _crosscheck(console: Console, arguments: argparse.Namespace) -> int:
    return crosscheck.main(console, arguments.rounds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench", description="Measures the generator itself."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    race = commands.add_parser("generator", help="requests a core, against Locust's own client")
    race.set_defaults(command=_generator)
    lag = commands.add_parser(
        "dispatch", help="how late requests leave, at 1,000 to 10,000 a second"
    )
    lag.set_defaults(command=_dispatch)
    several = commands.add_parser(
        "workers", help="whether three generator processes measure what one does"
    )
    several.set_defaults(command=_workers)
    check = commands.add_parser("crosscheck", help="whether wrk tells the same of the same servers")
    check.add_argument(
        "--rounds",
        type=_rounds,
        help=(
            f"so many, 2 or more (default: {crosscheck.LEAST_ROUNDS} to {crosscheck.MOST_ROUNDS}, "
            "until every interval is narrow enough to tell)"
        ),
    )
    check.set_defaults(command=_crosscheck)
    return parser


def _rounds(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 2:
        raise argparse.ArgumentTypeError(f"{text}: allowed a whole number from 2 on")
    return number


if __name__ == "__main__":
    sys.exit(main())

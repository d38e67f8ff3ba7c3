"""Measures the harness against known answers: python -m loadtests.calibration

Exit status 0 when everything judged passed, 1 when something failed, was undecided, or nothing
could be judged, 2 for bad input. What was measured is stored either way; runs on this machine show
it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from rich.console import Console

from loadtests import calibration_store, environment, run_store
from loadtests.awake import kept_awake
from loadtests.calibration import answers, limits, stalls
from loadtests.calibration.table import checks_table, closing_lines, limits_table, remarks
from loadtests.model import Calibration, CalibrationFile, ConfigurationError
from loadtests.placement import place, usable_cpus
from loadtests.target import MeasurementError

RESULTS = Path(__file__).parent.parent.parent / "results"
LEAST_STALLS_S, MOST_STALLS_S = 20, 3_600
EXIT_PASSED, EXIT_FAILED, EXIT_CONFIGURATION, EXIT_INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    arguments = _parser().parse_args()
    console = Console()
    # A kill ends it as Ctrl-C does: generators and servers with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with kept_awake():
            measured = _measure(console, arguments.stalls_s)
        calibration_store.write(arguments.results / calibration_store.CALIBRATION_FILE, measured)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    except (MeasurementError, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("interrupted; nothing was stored", file=sys.stderr)
        return EXIT_INTERRUPTED
    _show(console, measured.calibration, arguments.results)
    return EXIT_PASSED if measured.calibration.passed else EXIT_FAILED


def _measure(console: Console, stalls_s: float) -> CalibrationFile:
    placement = place(usable_cpus())
    if not placement.generator_cpus:
        console.print("nothing can be pinned here: generator and servers share CPUs")
    console.print(f"{stalls_s:.0f} s of a server that stalls …", highlight=False)
    seen = stalls.measured_stalls(stalls.Plan(duration_s=stalls_s), placement)
    plan = answers.Plan()
    console.print(
        f"{len(plan.scripts)} scripts: closed loops of {plan.closed_users} users (one where none "
        f"delays), open ones of {plan.rate_rps:,.0f} req/s …",
        highlight=False,
    )
    checks = answers.measured_answers(plan, placement)
    console.print("the generator's own limits …")
    calibration = Calibration(
        measured_at=run_store.utc_now(),
        git_commit=environment.git_commit(Path(__file__).parent),
        environment=environment.describe(),
        checks=(*checks, *seen.checks),
        limits=limits.measured_limits(placement),
    )
    return CalibrationFile(calibration, seen.picture)


def _show(console: Console, calibration: Calibration, results: Path) -> None:
    console.print(checks_table(calibration))
    if calibration.limits is not None:
        console.print(limits_table(calibration.limits))
    for line in (*remarks(calibration), *closing_lines(calibration)):
        console.print(line, highlight=False, soft_wrap=True)
    stored = results / calibration_store.CALIBRATION_FILE
    console.print(f"stored: {stored}", highlight=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.calibration", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where it is stored")
    parser.add_argument(
        "--stalls-s",
        type=_stalls_s,
        default=60.0,
        metavar="SECONDS",
        help="how long the stalling server is driven, at least 20 (60)",
    )
    return parser


def _stalls_s(text: str) -> float:
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = 0.0
    # A stall in every ten seconds: in less there may be none.
    if not LEAST_STALLS_S <= duration_s <= MOST_STALLS_S:
        allowed = f"seconds from {LEAST_STALLS_S} to {MOST_STALLS_S}"
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: {allowed}")
    return duration_s


if __name__ == "__main__":
    sys.exit(main())

"""python -m loadtests run | plan | list | ui"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtests import experiment, plan, run_store, runner, ui
from loadtests.model import ConfigurationError, Experiment
from loadtests.progress import make_progress
from loadtests.server_flags import ExperimentError
from loadtests.some_arms import in_groups, with_arms
from loadtests.target import describe, law_bounds_s

RESULTS = Path(__file__).parent.parent / "results"
EXIT_VALID, EXIT_FAILURE, EXIT_CONFIGURATION, EXIT_INVALID = 0, 1, 2, 3


def main() -> int:
    arguments = _parser().parse_args()
    console = Console()
    try:
        return int(arguments.command(arguments, console))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIGURATION
    except OSError as error:
        if not runner.is_full_disk(error):
            raise
        print(f"{error.strerror}: nothing was measured; make room and try again", file=sys.stderr)
        return EXIT_FAILURE


def _run(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.experiment is None and arguments.resume is None:
        raise ConfigurationError("run: nothing to run; allowed: an experiment, or --resume FOLDER")
    path = experiment.find(arguments.experiment) if arguments.experiment else arguments.resume
    asked = _asked(path, arguments) if arguments.experiment else None
    chosen = asked or run_store.read_run(arguments.resume).experiment
    slices, predicted_s = plan.expected_slices(chosen), plan.predicted_s(chosen)
    progress = make_progress(console, chosen.blocks, slices, predicted_s)
    try:
        if arguments.resume is not None:
            outcome = runner.resume(arguments.resume, asked, progress)
        else:
            outcome = runner.run(chosen, arguments.results, progress)
    except ExperimentError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    finally:
        progress.close()
    return _said(outcome)


def _asked(path: Path, arguments: argparse.Namespace) -> Experiment:
    asked = experiment.read(path)
    if arguments.arms is not None:
        asked = with_arms(path, asked, arguments.arms)
    return asked if arguments.groups is None else in_groups(asked, arguments.groups)


def _said(outcome: runner.Outcome) -> int:
    """The verdict first, then what makes it so."""
    if outcome.run.status == "finished":
        print(f"{'VALID' if outcome.is_valid else 'INVALID'}: {outcome.folder}")
    for finding in sorted(outcome.run.findings, key=lambda each: each.severity != "invalid"):
        where = "/".join(part for part in (finding.phase, finding.arm) if part)
        print(f"{finding.severity}: {finding.name} {where}: {finding.message} → {finding.advice}")
    ending, asked = outcome.run.length, outcome.run.experiment.precision
    if ending is not None and asked is not None:
        blocks = len(outcome.run.blocks)
        print(f"{blocks} blocks: {ending.sentence(asked.half_width)}")
    print(f"{outcome.run.status}: {outcome.folder}")
    if outcome.stopped_by is not None:
        print(outcome.stopped_by, file=sys.stderr)
        return EXIT_FAILURE
    return EXIT_VALID if outcome.is_valid else EXIT_INVALID


def _plan(arguments: argparse.Namespace, console: Console) -> int:
    path = experiment.find(arguments.experiment)
    chosen = _asked(path, arguments)
    console.print(f"{chosen.name}: {chosen.question}", highlight=False)
    table = Table("block", "phase", "round", "order of arms (+: at once)")
    for block in range(chosen.blocks):
        rounds = groupby(plan.plan_block(chosen, block), key=lambda s: (s.phase, s.round))
        for (phase, number), slices in rounds:
            turns = plan.at_once(chosen, list(slices))
            order = " → ".join(" + ".join(planned.arm for planned in turn) for turn in turns)
            table.add_row(str(block), phase, str(number), order)
    console.print(table)
    counts = Counter(planned.phase for planned in plan.plan_block(chosen, 0))
    each = ", ".join(f"{phase} {count}" for phase, count in counts.items())
    at_most = " at most" if any(phase.search for phase in chosen.phases) else ""
    console.print(f"slices a block{at_most}: {each}", highlight=False)
    console.print(f"about {_predicted_s(path, chosen) / 60:.1f} minutes", highlight=False)
    return EXIT_VALID


def _predicted_s(path: Path, chosen: Experiment) -> float:
    """Trials wait for as long as laws allow, and those only the servers' package can tell."""
    if not any(phase.trials for phase in chosen.phases):
        return plan.predicted_s(chosen)
    try:
        facts = {arm.name: describe(arm, chosen.server) for arm in chosen.arms}
    except ExperimentError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return plan.predicted_s(chosen, law_bounds_s(facts))


def _list(_arguments: argparse.Namespace, console: Console) -> int:
    for path in sorted(experiment.EXPERIMENTS.glob("*.toml")):
        chosen = experiment.read(path)
        minutes = plan.predicted_s(chosen) / 60
        console.print(f"{chosen.name}: {chosen.question} (about {minutes:.1f} minutes)")
    return EXIT_VALID


def _ui(arguments: argparse.Namespace, _console: Console) -> int:
    return ui.serve(arguments.web_port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests", description="Drives the servers and writes run folders."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="measure an experiment into results/")
    run.add_argument("experiment", nargs="?", help="a name (see `list`) or a TOML file")
    run.add_argument(
        "--resume",
        type=Path,
        metavar="FOLDER",
        help="go on with a run that was interrupted or killed, at its next block; an experiment "
        "named beside it must be what that run asked for",
    )
    _add_choices(run)
    run.add_argument("--results", type=Path, default=RESULTS, help="where run folders go")
    run.set_defaults(command=_run)
    shown = commands.add_parser("plan", help="show slices and predicted time, measure nothing")
    shown.add_argument("experiment", help="a name (see `list`) or a TOML file")
    _add_choices(shown)
    shown.set_defaults(command=_plan)
    commands.add_parser("list", help="the experiments there are").set_defaults(command=_list)
    web = commands.add_parser("ui", help="Locust's web UI against servers started on demand")
    web.add_argument("--web-port", type=int, default=8089, help="port of the page on 127.0.0.1")
    web.set_defaults(command=_ui)
    return parser


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arms",
        type=lambda text: [name.strip() for name in text.split(",")],
        metavar="ARM,…",
        help="only these of the experiment's arms; without its reference, the first is it",
    )
    parser.add_argument(
        "--groups",
        type=int,
        metavar="N",
        help="of outages: arms go in N groups, one after the other, where all at once are too much",
    )


if __name__ == "__main__":
    sys.exit(main())

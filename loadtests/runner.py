"""Measures an experiment: plan, start, verify, warm up, measure, check, store."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from loadtests import checks, environment, run_store
from loadtests.block import BlockPlan, Readied, measure_block
from loadtests.messages import Message
from loadtests.model import (
    ConfigurationError,
    Experiment,
    Finding,
    RevocationRecord,
    RunRecord,
    RunStatus,
    SliceRecord,
    StoreInfo,
)
from loadtests.placement import place, usable_cpus
from loadtests.progress import Progress
from loadtests.store_server import external_store, find_program
from loadtests.target import MeasurementError, RunSecrets, describe

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NO_STORE = StoreInfo("none", "", "", shared=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its folder, its record, and what stopped it early."""

    folder: Path
    run: RunRecord
    stopped_by: str | None

    @property
    def is_valid(self) -> bool:
        return not any(finding.severity == "invalid" for finding in self.run.findings)


def run(experiment: Experiment, results: Path, progress: Progress) -> Outcome:
    """Measures every block and leaves a readable run folder, however it ends.

    Raises ConfigurationError before anything is measured.
    """
    plan = _prepare(experiment)
    folder = run_store.create(results, experiment.name)
    record = _open_record(plan, folder)
    progress.say(f"measuring into {folder}")
    try:
        with _terminated_like_interrupted():
            for block in range(experiment.blocks):
                record = _run_block(plan, block, folder, record, progress)
    except KeyboardInterrupt:
        return _close(folder, run_store.read_run(folder), "interrupted", "interrupted")
    except ConfigurationError:
        _close(folder, run_store.read_run(folder), "interrupted", None)
        raise
    except (MeasurementError, OSError, psutil.Error) as error:
        # Whatever dies while a block starts or runs shows as a broken connection or a lost pid.
        return _close(folder, run_store.read_run(folder), "interrupted", str(error))
    return _close(folder, record, "finished", None)


def _prepare(experiment: Experiment) -> BlockPlan:
    if url := os.environ.get("REDIS_URL"):
        external_store(url)
    facts = {arm.name: describe(arm, experiment.server) for arm in experiment.arms}
    if not url and any(each.needs_store for each in facts.values()):
        find_program()
    return BlockPlan(
        experiment=experiment,
        facts=facts,
        placement=place(usable_cpus(), experiment.max_server_cpus),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )


def _open_record(plan: BlockPlan, folder: Path) -> RunRecord:
    record = RunRecord(
        experiment=plan.experiment,
        seed=plan.experiment.seed,
        started_at=run_store.utc_now(),
        finished_at=None,
        status="running",
        environment=environment.describe(),
        placement=plan.placement,
        git_commit=environment.git_commit(Path(__file__).parent),
        store=NO_STORE,
    )
    run_store.write_run(folder, record)
    return record


def _run_block(
    plan: BlockPlan, block: int, folder: Path, record: RunRecord, progress: Progress
) -> RunRecord:
    def note(known: Readied) -> None:
        # Before the first slice, so that a run cut short still names its store and laws.
        blocks = (*record.blocks, known.facts)
        noted = replace(record, blocks=blocks, store=known.store or record.store)
        run_store.write_run(folder, noted)

    for message in measure_block(plan, block, note):
        _keep(message, plan.experiment, folder, progress)
    return run_store.read_run(folder)


def _keep(message: Message, experiment: Experiment, folder: Path, progress: Progress) -> None:
    if message.starting is not None:
        progress.slice_starts(message.starting)
    if message.revocation is not None:
        line = run_store.revocation_line(message.revocation)
        run_store.append_line(folder, run_store.REVOCATIONS_FILE, line)
    if message.slice is not None:
        phase = experiment.phase(message.slice.phase)
        record = replace(message.slice, findings=checks.slice_findings(message.slice, phase))
        run_store.append_line(folder, run_store.SLICES_FILE, run_store.slice_line(record))
        progress.slice_ended(record)


def _close(folder: Path, record: RunRecord, status: RunStatus, stopped_by: str | None) -> Outcome:
    record = replace(
        record,
        status=status,
        finished_at=run_store.utc_now(),
        findings=tuple(_findings(folder, record)),
    )
    run_store.write_run(folder, record)
    if status == "finished":
        run_store.point_latest(folder)
    return Outcome(folder, record, stopped_by)


def _findings(folder: Path, record: RunRecord) -> Iterator[Finding]:
    experiment = record.experiment
    slices: dict[tuple[str, str], dict[tuple[int, int], SliceRecord]] = defaultdict(dict)
    for each in run_store.read_slices(folder, _ignore):
        # A later attempt of a round takes the place of an earlier one.
        slices[each.phase, each.arm][each.block, each.round] = each
    trials: dict[tuple[str, str], list[RevocationRecord]] = defaultdict(list)
    for trial in run_store.read_revocations(folder, _ignore):
        trials[trial.phase, trial.arm].append(trial)
    yield from checks.run_findings(record)
    for phase in experiment.phases:
        of_phase = {
            arm.name: list(slices[phase.name, arm.name].values()) for arm in experiment.arms
        }
        yield from checks.disturbance_findings(phase, of_phase, os.cpu_count() or 1)
        for arm, measured in of_phase.items():
            yield from checks.phase_findings(phase, arm, measured, record.placement)
            yield from checks.search_findings(phase, arm, measured)
            tried = trials[phase.name, arm]
            yield from checks.revocation_findings(phase, arm, tried, measured)


def _ignore(_line: str) -> None:
    """What cannot be read back was reported when it was written, or will be by the report."""


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does, which works in the background too, where a
    shell starts commands with it ignored."""

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before: list[tuple[int, Callable[..., object] | int | None]] = [
        (number, signal.signal(number, interrupt)) for number in _ENDING
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)

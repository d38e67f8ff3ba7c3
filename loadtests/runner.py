"""Measures an experiment: plan, start, verify, warm up, measure, check, store."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from loadtests import calibration_store, checks, environment, length, run_store
from loadtests.awake import kept_awake
from loadtests.block import BlockPlan, Readied, measure_block
from loadtests.findings import findings_of
from loadtests.messages import Message
from loadtests.model import (
    ConfigurationError,
    Experiment,
    LostWorker,
    RunRecord,
    RunStatus,
    StoreInfo,
)
from loadtests.outage.block import measure_outages
from loadtests.placement import place, usable_cpus
from loadtests.progress import Progress
from loadtests.resume import (
    check_same,
    keep_whole_blocks,
    measured_s,
    next_block,
    read_interrupted,
)
from loadtests.store_server import external_store, find_program, start_store
from loadtests.target import MeasurementError, RunSecrets, describe

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ROOT = Path(__file__).parent.parent


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
    with run_store.locked(folder):
        return _measure(plan, folder, _open_record(plan, folder, progress), progress)


def resume(folder: Path, experiment: Experiment | None, progress: Progress) -> Outcome:
    """Goes on with the run in `folder` at its next block; `experiment`, where a file is named, must
    be what the run asked for.

    Raises ConfigurationError before anything is changed when it cannot go on.
    """
    before = read_interrupted(folder, experiment)
    plan = _prepare(before.experiment)
    with run_store.locked(folder):
        digest = environment.source_digest(_ROOT)
        check_same(folder, before, plan.placement, digest, _store_now(plan))
        record = keep_whole_blocks(folder, before)
        record = replace(record, resumed_at=(*record.resumed_at, run_store.utc_now()))
        run_store.write_run(folder, record)
        # The run's clock stood still while it did.
        zero_ns = time.monotonic_ns() - int(measured_s(folder) * 1e9)
        return _measure(replace(plan, run_started_ns=zero_ns), folder, record, progress)


def _measure(plan: BlockPlan, folder: Path, record: RunRecord, progress: Progress) -> Outcome:
    progress.say(f"measuring into {folder}")
    cpus = plan.placement.used_cpus or None
    with run_store.room_to_end(folder) as give_up_room, kept_awake(cpus):
        try:
            with _terminated_like_interrupted():
                record = _run_blocks(plan, folder, record, progress)
            return _close(folder, record, "finished", None)
        except KeyboardInterrupt:
            return _close(folder, run_store.read_run(folder), "interrupted", "interrupted")
        except ConfigurationError:
            _close(folder, run_store.read_run(folder), "interrupted", None)
            raise
        except (MeasurementError, OSError, psutil.Error) as error:
            # Whatever dies while a block starts or runs shows as a broken connection or a lost pid.
            give_up_room()
            why = _why(error, folder)
            return _close(folder, run_store.read_run(folder), "interrupted", why)


def is_full_disk(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _FULL


def _why(error: Exception, folder: Path) -> str:
    if isinstance(error, OSError) and is_full_disk(error):
        return f"{error.strerror}: what was measured until then stands in {folder}"
    return str(error)


def _run_blocks(plan: BlockPlan, folder: Path, record: RunRecord, progress: Progress) -> RunRecord:
    block = next_block(record.blocks)
    while not length.is_over(plan.experiment, block):
        elapsed_s = (time.monotonic_ns() - plan.run_started_ns) / 1e9
        ending = length.ended(plan.experiment, block, elapsed_s, lambda: length.half_widths(folder))
        if ending is not None:
            return replace(record, length=ending)
        record = _run_block(plan, block, folder, record, progress)
        block += 1
    return record


def _prepare(experiment: Experiment) -> BlockPlan:
    if url := os.environ.get("REDIS_URL"):
        if experiment.is_of_outages:
            raise ConfigurationError("REDIS_URL: set; allowed: unset, as outages kill their store")
        external_store(url)
    facts = {arm.name: describe(arm, experiment.server) for arm in experiment.arms}
    if not url and any(each.needs_store for each in facts.values()):
        find_program()
    # What is asked of outages is what happens, not what it costs.
    cpus = () if experiment.is_of_outages else usable_cpus()
    return BlockPlan(
        experiment=experiment,
        facts=facts,
        placement=place(cpus, experiment.max_server_cpus, experiment.generators),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )


def _store_now(plan: BlockPlan) -> StoreInfo:
    """What would serve the next block."""
    if not any(facts.needs_store for facts in plan.facts.values()):
        return environment.NO_STORE
    if url := os.environ.get("REDIS_URL"):
        return external_store(url).info
    with start_store() as store:
        return replace(store.info, shared=plan.experiment.is_of_outages)


def _open_record(plan: BlockPlan, folder: Path, progress: Progress) -> RunRecord:
    circumstances = environment.describe()
    calibration, remark = calibration_store.fitting(folder.parent, circumstances)
    if remark is not None:
        progress.say(remark)
    record = RunRecord(
        experiment=plan.experiment,
        seed=plan.experiment.seed,
        started_at=run_store.utc_now(),
        finished_at=None,
        status="running",
        environment=circumstances,
        placement=plan.placement,
        git_commit=environment.git_commit(Path(__file__).parent),
        store=environment.NO_STORE,
        source_digest=environment.source_digest(_ROOT),
        calibration=calibration,
    )
    run_store.write_run(folder, record)
    return record


def _run_block(
    plan: BlockPlan, block: int, folder: Path, record: RunRecord, progress: Progress
) -> RunRecord:
    def note(known: Readied) -> None:
        # Before the first slice, so that a run cut short still names its store and laws.
        store = known.store or environment.NO_STORE
        changes = environment.changes(record.environment, environment.describe())
        changes += environment.store_changes(record.store, store)
        blocks = (*record.blocks, replace(known.facts, changes=tuple(changes)))
        first = store if record.store == environment.NO_STORE else record.store
        noted = replace(record, blocks=blocks, store=first)
        run_store.write_run(folder, noted)

    lost: LostWorker | None = None
    measure = measure_outages if plan.experiment.is_of_outages else measure_block
    for message in measure(plan, block, note):
        _keep(message, plan.experiment, folder, progress)
        lost = message.lost or lost
    if lost is not None:
        progress.say(f"block {block + 1} ended early: {lost.sentence()}\n{lost.log}".rstrip())
    noted = run_store.read_run(folder)
    finished = replace(noted.blocks[-1], finished=True, lost_worker=lost)
    record = replace(noted, blocks=(*noted.blocks[:-1], finished))
    run_store.write_run(folder, record)
    return record


def _keep(message: Message, experiment: Experiment, folder: Path, progress: Progress) -> None:
    if message.starting is not None:
        progress.slice_starts(message.starting)
    if message.revocation is not None:
        line = run_store.revocation_line(message.revocation)
        run_store.append_line(folder, run_store.REVOCATIONS_FILE, line)
    if message.tabs is not None:
        run_store.append_line(folder, run_store.TABS_FILE, run_store.tabs_line(message.tabs))
    if message.outage is not None:
        line = run_store.outage_line(message.outage)
        run_store.append_line(folder, run_store.OUTAGES_FILE, line)
        progress.outage_ended(message.outage)
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
        findings=tuple(findings_of(folder, record)),
    )
    run_store.write_run(folder, record)
    if status == "finished":
        run_store.point_latest(folder)
    return Outcome(folder, record, stopped_by)


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

"""A run that ended early goes on at its next block. What was measured of a block that did not
finish is set aside: a block is a unit, and half of one is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from loadtests import environment, run_store
from loadtests.model import (
    BlockFacts,
    ConfigurationError,
    Experiment,
    Placement,
    RunRecord,
    StoreInfo,
)

_FILES = (
    (run_store.SLICES_FILE, "slices.unfinished.jsonl"),
    (run_store.REVOCATIONS_FILE, "revocations.unfinished.jsonl"),
    (run_store.OUTAGES_FILE, "outages.unfinished.jsonl"),
    (run_store.TABS_FILE, "tabs.unfinished.jsonl"),
)


def read_interrupted(folder: Path, experiment: Experiment | None) -> RunRecord:
    """The run in `folder` as it stands. `experiment` is what a file asks for now, if one is named.

    Raises ConfigurationError when the run has finished or asked for something else.
    """
    run = run_store.read_run(folder)
    if run.status == "finished":
        raise ConfigurationError(
            f"{folder}: status = 'finished'; allowed: a run that was interrupted or killed"
        )
    if experiment is not None and experiment != run.experiment:
        raise ConfigurationError(
            f"{folder}: the experiment of this run is not what {experiment.name!r} asks for now; "
            "allowed: the same experiment, or none named"
        )
    return run


def check_same(
    folder: Path, run: RunRecord, placement: Placement, source_digest: str, store: StoreInfo
) -> None:
    """Raises ConfigurationError, a line for each difference, where this machine, this store or
    this code is not what measured the blocks there are: the others would not compare with them."""
    differences = environment.changes(run.environment, environment.describe())
    differences += environment.store_changes(run.store, store)
    if placement != run.placement:
        differences.append(f"placement: {placement}, was {run.placement}")
    if source_digest != run.source_digest:
        differences.append("the code of servers/ or loadtests/ is not what it was")
    if differences:
        lines = "\n".join(f"{folder}: {difference}" for difference in differences)
        raise ConfigurationError(f"{lines}\nallowed: what this run began with; start a new one")


def keep_whole_blocks(folder: Path, run: RunRecord) -> RunRecord:
    """Leaves the lines and the facts of finished blocks, and sets every other line aside."""
    finished = tuple(block for block in run.blocks if block.finished)
    for name, aside in _FILES:
        _keep_lines(folder, name, aside, {block.block for block in finished})
    return replace(run, blocks=finished, finished_at=None, status="running", findings=())


def next_block(blocks: tuple[BlockFacts, ...]) -> int:
    return max((block.block + 1 for block in blocks), default=0)


def measured_s(folder: Path) -> float:
    """When the last slice or outage ended, in seconds since the run began; 0 before the first."""
    slices = run_store.read_slices(folder, _pass_over)
    outages = run_store.read_outages(folder, _pass_over)
    ended_s = [each.started_s + each.drained_after_s for each in slices]
    ended_s += [each.started_s + each.ended_s for each in outages]
    return max(ended_s, default=0.0)


def _keep_lines(folder: Path, name: str, aside: str, blocks: set[int]) -> None:
    lines = list(run_store.lines_by_block(folder / name))
    if not lines:
        return
    # First, so that whatever ends this process a line stands in one of the two files at least.
    already = {line for _block, line in run_store.lines_by_block(folder / aside)}
    for block, line in lines:
        if block not in blocks and line not in already:
            run_store.append_line(folder, aside, line)
    kept = _kept(lines, blocks)
    run_store.write_atomically(folder / name, "".join(f"{line}\n" for line in kept))


def _kept(lines: list[tuple[int | None, str]], blocks: set[int]) -> Iterator[str]:
    return (line for block, line in lines if block in blocks)


def _pass_over(_line: str) -> None:
    """A line that cannot be read belongs to no finished block."""

"""Runs that are killed and go on: real ones, and folders as a kill leaves them."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main as analyse
from loadtests import environment, run_store
from loadtests.model import RunRecord, StoreInfo
from loadtests.resume import keep_whole_blocks, measured_s, next_block
from tests.builders import a_block, a_run, a_slice, a_trial, an_experiment
from tests.lab_builders import a_browser, an_outage
from tests.loadtests.tiny_run import (
    EXPERIMENT,
    ROOT,
    START_S,
    left_behind,
    refuse,
    slices,
    start,
    the_run,
)
from tests.processes import are_gone, descendants, wait_for

# Without the visits and the trials, which only take time here.
SHORT = EXPERIMENT.partition('[[phases]]\nname = "visits"')[0]
BLOCKS = 3


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A run that was killed in its second block and went on."""

    folder: Path
    before: list[str]
    status: int
    output: str


def resume(run: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtests", "run", "--resume", str(run), *more],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "REDIS_URL"},
        capture_output=True,
        text=True,
        timeout=2 * START_S,
        check=False,
    )


def lines(run: Path) -> list[str]:
    return (run / run_store.SLICES_FILE).read_text().splitlines()


def in_second_block(folder: Path) -> bool:
    found = list((folder / "results").glob(f"tiny-*/{run_store.SLICES_FILE}"))
    return bool(found) and '"block":1' in found[0].read_text()


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    folder = tmp_path_factory.mktemp("resumed")
    process = start(folder, blocks=BLOCKS, rounds=4, text=SHORT)
    wait_for(lambda: in_second_block(folder), START_S, "a slice of the second block")
    children = descendants(process.pid)
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: are_gone(children), 5.0, "every descendant gone")
    before = lines(the_run(folder))
    told = resume(the_run(folder), str(folder / "tiny.toml"))
    assert told.stderr == ""
    return Resumed(folder, before, told.returncode, told.stdout)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder, blocks=BLOCKS, rounds=4, text=SHORT)
    process.communicate(timeout=3 * START_S)
    return the_run(folder)


def test_a_killed_run_goes_on_to_its_end(resumed: Resumed) -> None:
    run = run_store.read_run(the_run(resumed.folder))
    assert resumed.status in {0, 3}
    assert run.status == "finished"
    assert [block.block for block in run.blocks] == list(range(BLOCKS))
    assert all(block.finished for block in run.blocks)
    assert len(run.resumed_at) == 1
    assert "finished: " in resumed.output
    assert left_behind(resumed.folder) == []


def test_whole_blocks_stay_to_the_letter_and_the_rest_is_set_aside(resumed: Resumed) -> None:
    run = the_run(resumed.folder)
    whole = [line for line in resumed.before if '"block":0' in line]
    rest = [line for line in resumed.before if '"block":0' not in line]
    assert lines(run)[: len(whole)] == whole
    assert (run / "slices.unfinished.jsonl").read_text().splitlines() == rest
    places = [(s.block, s.phase, s.round, s.arm) for s in slices(resumed.folder)]
    assert len(places) == len(set(places)) == BLOCKS * 3 * (4 + 1)


def test_the_runs_clock_goes_on(resumed: Resumed) -> None:
    starts = [each.started_s for each in slices(resumed.folder)]
    assert starts == sorted(starts)
    assert starts[0] > 0
    assert starts[-1] < 4 * START_S


def test_its_report_differs_from_an_uninterrupted_ones_in_numbers_only(
    resumed: Resumed, uninterrupted: Path
) -> None:
    resumed_run = the_run(resumed.folder)
    for run in (resumed_run, uninterrupted):
        assert analyse(["report", str(run)]) in {0, 3}
    assert places_of(resumed_run) == places_of(uninterrupted)
    assert headings_of(resumed_run) == headings_of(uninterrupted)


def places_of(run: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a summary names, with how many blocks it rests on."""
    told = json.loads((run / "summary.json").read_text())
    keys = {
        "results": ("arm", "phase", "scenario", "endpoint", "metric", "unit", "blocks"),
        "comparisons": ("phase", "scenario", "endpoint", "metric", "reference", "candidate"),
        "aa_floor": ("phase", "endpoint", "metric"),
    }
    return {
        table: [tuple(row[name] for name in names) for row in told[table]]
        for table, names in keys.items()
    }


def headings_of(run: Path) -> list[str]:
    return re.findall(r"^#.*$", (run / "report.md").read_text(), re.MULTILINE)


def a_killed_run(tmp_path: Path, **changes: Any) -> Path:
    """Two blocks, of which the second has not finished, and this machine's own circumstances."""
    experiment = an_experiment(blocks=3)
    blocks = (dataclasses.replace(a_block(experiment, 0), finished=True), a_block(experiment, 1))
    run = dataclasses.replace(
        a_run(experiment, status="running", finished_at=None),
        blocks=blocks,
        environment=environment.describe(),
        source_digest=environment.source_digest(ROOT),
        **changes,
    )
    folder = run_store.create(tmp_path, "headline")
    run_store.write_run(folder, run)
    for block, number in ((0, 0), (0, 1), (1, 0)):
        line = run_store.slice_line(a_slice(block=block, round=number, started_s=2.0 * number))
        run_store.append_line(folder, run_store.SLICES_FILE, line)
        line = run_store.revocation_line(a_trial(block=block, trial=number))
        run_store.append_line(folder, run_store.REVOCATIONS_FILE, line)
        line = run_store.outage_line(an_outage(block=block, trial=number, started_s=3.0 * number))
        run_store.append_line(folder, run_store.OUTAGES_FILE, line)
        line = run_store.tabs_line(a_browser(block=block, trial=number))
        run_store.append_line(folder, run_store.TABS_FILE, line)
    with (folder / run_store.SLICES_FILE).open("a") as file:
        file.write('{"schema":1,"block":0,"pha')
    return folder


def test_lines_of_unfinished_blocks_and_torn_ones_are_set_aside(tmp_path: Path) -> None:
    folder = a_killed_run(tmp_path)
    kept = keep_whole_blocks(folder, run_store.read_run(folder))
    assert [block.block for block in kept.blocks] == [0]
    assert next_block(kept.blocks) == 1
    assert kept.findings == ()
    assert [s.round for s in run_store.read_slices(folder, refuse)] == [0, 1]
    assert [t.block for t in run_store.read_revocations(folder, refuse)] == [0, 0]
    assert [o.trial for o in run_store.read_outages(folder, refuse)] == [0, 1]
    assert [t.block for t in run_store.read_tabs(folder, refuse)] == [0, 0]
    assert '"block":1' in (folder / "tabs.unfinished.jsonl").read_text()
    aside = (folder / "slices.unfinished.jsonl").read_text().splitlines()
    assert ['"block":1' in aside[0], aside[1]] == [True, '{"schema":1,"block":0,"pha']
    assert measured_s(folder) == pytest.approx(3.5)


def test_setting_aside_twice_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder = a_killed_run(tmp_path)
    text = (folder / run_store.SLICES_FILE).read_text()
    keep_whole_blocks(folder, run_store.read_run(folder))
    # As if it had been killed between the two writes.
    (folder / run_store.SLICES_FILE).write_text(text)
    keep_whole_blocks(folder, run_store.read_run(folder))
    assert len((folder / "slices.unfinished.jsonl").read_text().splitlines()) == 2
    assert len(lines(folder)) == 2


def test_nothing_measured_yet_begins_with_the_first_block(tmp_path: Path) -> None:
    folder = run_store.create(tmp_path, "headline")
    run_store.write_run(folder, a_run(blocks=(), status="running"))
    kept = keep_whole_blocks(folder, run_store.read_run(folder))
    assert next_block(kept.blocks) == 0
    assert measured_s(folder) == 0
    assert sorted(path.name for path in folder.iterdir()) == [run_store.RUN_FILE]


def change(folder: Path, **changes: Any) -> None:
    run: RunRecord = run_store.read_run(folder)
    run_store.write_run(folder, dataclasses.replace(run, **changes))


def on_another_python(folder: Path) -> None:
    change(folder, environment={**run_store.read_run(folder).environment, "python": "3.9.1"})


def with_an_older_store(folder: Path) -> None:
    change(folder, store=StoreInfo("valkey", "7.2", "libc", shared=False))


def with_one_store_for_all(folder: Path) -> None:
    change(folder, store=dataclasses.replace(run_store.read_run(folder).store, shared=True))


def of_other_code(folder: Path) -> None:
    change(folder, source_digest="0" * 64)


def finished(folder: Path) -> None:
    change(folder, status="finished")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (on_another_python, f"python: {sys.version.split()[0]}, was 3.9.1"),
        (with_an_older_store, "store: valkey "),
        (with_one_store_for_all, "store: valkey "),
        (of_other_code, "the code of servers/ or loadtests/ is not what it was"),
        (finished, "status = 'finished'; allowed: a run that was interrupted or killed"),
    ],
)
def test_what_does_not_fit_is_refused_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = a_killed_run(tmp_path)
    spoil(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = resume(folder)
    assert told.returncode == 2
    assert f"{folder}: {says}" in told.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_another_experiment_is_refused(tmp_path: Path) -> None:
    told = resume(a_killed_run(tmp_path), "smoke")
    assert told.returncode == 2
    assert "the experiment of this run is not what 'smoke' asks for now" in told.stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    told = resume(tmp_path)
    assert told.returncode == 2
    assert told.stderr.splitlines() == [f"{tmp_path}: no run here (it has no readable run.json)"]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def test_a_run_that_still_measures_is_refused(tmp_path: Path) -> None:
    folder = a_killed_run(tmp_path)
    with held(folder):
        told = resume(folder)
    assert told.returncode == 2
    assert told.stderr.splitlines() == [f"{folder}: another process measures into it; let it end"]


def test_neither_an_experiment_nor_a_folder_is_refused() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "loadtests", "run"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr == "run: nothing to run; allowed: an experiment, or --resume FOLDER\n"

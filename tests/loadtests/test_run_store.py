from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from loadtests.model import ConfigurationError
from loadtests.run_store import (
    OUTAGES_FILE,
    RESERVED_BYTES,
    REVOCATIONS_FILE,
    RUN_FILE,
    SLICES_FILE,
    append_line,
    create,
    lines_by_block,
    locked,
    outage_line,
    point_latest,
    read_outages,
    read_revocations,
    read_run,
    read_slices,
    revocation_line,
    room_to_end,
    slice_line,
    write_atomically,
    write_run,
)
from tests.builders import a_finding, a_run, a_slice, a_trial
from tests.lab_builders import an_outage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return create(tmp_path / "results", "headline")


@pytest.fixture
def reports() -> list[str]:
    return []


def test_a_run_comes_back_whole(folder: Path) -> None:
    run = a_run(findings=(a_finding("invalid"), a_finding(arm="none", phase="capacity")))
    write_run(folder, run)
    assert read_run(folder) == run


def test_outages_come_back_in_order(folder: Path, reports: list[str]) -> None:
    outages = [
        an_outage(),
        an_outage(
            trial=1, first_error_s=None, recovered_s=None, policy_held=False, policy_why="served"
        ),
        an_outage(arm="none", policy="unaffected", added_delay_p50_s=None, added_delay_p99_s=None),
    ]
    for outage in outages:
        append_line(folder, OUTAGES_FILE, outage_line(outage))
    assert list(read_outages(folder, reports.append)) == outages
    assert reports == []


def test_what_an_older_version_wrote_more_is_passed_over(folder: Path) -> None:
    run = a_run()
    write_run(folder, run)
    path = folder / RUN_FILE
    told = json.loads(path.read_text())
    for block in told["blocks"]:
        block["findings"] = []
    path.write_text(json.dumps(told))
    assert read_run(folder) == run


def test_slices_and_trials_come_back_in_order(folder: Path, reports: list[str]) -> None:
    slices = [a_slice(round=number, steal_s=None) for number in range(3)]
    trials = [a_trial(trial=number, lag_high_s=None) for number in range(3)]
    for record in slices:
        append_line(folder, SLICES_FILE, slice_line(record))
    for trial in trials:
        append_line(folder, REVOCATIONS_FILE, revocation_line(trial))
    assert list(read_slices(folder, reports.append)) == slices
    assert list(read_revocations(folder, reports.append)) == trials
    assert reports == []


def test_a_truncated_last_line_is_reported_and_the_rest_used(
    folder: Path, reports: list[str]
) -> None:
    path = folder / SLICES_FILE
    kept = [a_slice(round=0), a_slice(round=1)]
    for record in [*kept, a_slice(round=2)]:
        append_line(folder, SLICES_FILE, slice_line(record))
    path.write_bytes(path.read_bytes()[:-40])
    assert list(read_slices(folder, reports.append)) == kept
    assert reports == [f"{path}: line 3 left out: truncated"]


def test_a_damaged_line_in_the_middle_is_reported_and_the_rest_used(
    folder: Path, reports: list[str]
) -> None:
    for line in (slice_line(a_slice(round=0)), '{"block": "x"}', slice_line(a_slice(round=2))):
        append_line(folder, SLICES_FILE, line)
    assert [record.round for record in read_slices(folder, reports.append)] == [0, 2]
    (report,) = reports
    assert report.startswith(f"{folder / SLICES_FILE}: line 2 left out: ")
    assert "\n" not in report


def test_nothing_measured_yet_is_no_slices(folder: Path, reports: list[str]) -> None:
    assert list(read_slices(folder, reports.append)) == []
    assert list(read_revocations(folder, reports.append)) == []
    assert reports == []


def test_reading_streams(folder: Path, reports: list[str]) -> None:
    append_line(folder, SLICES_FILE, slice_line(a_slice(round=0)))
    append_line(folder, SLICES_FILE, "not read yet")
    assert next(read_slices(folder, reports.append)).round == 0
    assert reports == []


def test_two_runs_of_a_second_have_two_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [create(tmp_path, "smoke") for _ in range(3)]
    assert len(set(folders)) == 3
    assert all(folder.is_dir() and folder.name.startswith("smoke-2") for folder in folders)


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_dies_leaves_the_old_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    path = folder / RUN_FILE
    write_atomically(path, "old")

    def die(_fd: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(type(failure)):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_a_reader_with_the_old_file_open_keeps_the_old_text(folder: Path) -> None:
    path = folder / RUN_FILE
    write_atomically(path, "old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert [each.name for each in folder.iterdir()] == [RUN_FILE]


def test_latest_moves_to_the_newest(tmp_path: Path) -> None:
    first, second = create(tmp_path, "smoke"), create(tmp_path, "smoke")
    for folder in (first, second):
        point_latest(folder)
        assert (tmp_path / "latest").resolve() == folder
    assert not (tmp_path / "latest").readlink().is_absolute()


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"schema": 1}', "\0", '{"experiment": {"name": 3}}']
)
def test_what_is_no_run_is_said_in_one_line(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / RUN_FILE).write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_run(folder)
    assert str(raised.value).startswith(str(folder))
    assert "\n" not in str(raised.value)


def test_a_file_or_nothing_is_no_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, tmp_path / "nowhere"):
        with pytest.raises(ConfigurationError, match="no run here"):
            read_run(path)


def test_a_folder_is_measured_into_by_one_process_at_a_time(folder: Path) -> None:
    with (
        locked(folder),
        pytest.raises(ConfigurationError, match="another process measures"),
        locked(folder),
    ):
        pass
    with locked(folder):
        pass


def test_a_write_that_fails_leaves_the_old_text_and_nothing_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(folder / "page", "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(folder / "page", "new")
    assert (folder / "page").read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["page"]


def test_room_is_kept_back_until_it_is_given_up(folder: Path) -> None:
    with room_to_end(folder) as give_up:
        (reserve,) = folder.iterdir()
        assert reserve.stat().st_size == RESERVED_BYTES
        give_up()
        assert not list(folder.iterdir())
        give_up()
    with room_to_end(folder):
        pass
    assert not list(folder.iterdir())


def test_lines_and_their_blocks(folder: Path) -> None:
    path = folder / SLICES_FILE
    assert list(lines_by_block(path)) == []
    path.write_text('{"block":3,"more":"…"}\nnonsense\n{"block":4}')
    assert [block for block, _line in lines_by_block(path)] == [3, None, None]
    assert [line for _block, line in lines_by_block(path)][2] == '{"block":4}'

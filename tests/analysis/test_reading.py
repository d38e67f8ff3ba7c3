import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.frame import COLUMNS, slice_rows
from analysis.reading import Reading, last_attempts, read
from loadtests import run_store
from loadtests.model import ConfigurationError, SliceRecord
from tests.builders import (
    a_phase,
    a_run,
    a_slice,
    a_trial,
    an_endpoint,
    an_experiment,
)
from tests.run_folders import slices_of, write_run_folder

SMALL = an_experiment(blocks=2, phases=(a_phase("capacity", rounds=2), a_phase("revocation")))


def read_slices(results: Path, *slices: SliceRecord) -> Reading:
    return read(write_run_folder(results, a_run(SMALL), slices=slices, trials=()))


def test_the_frame_has_a_row_a_slice_and_endpoint(reading: Reading) -> None:
    experiment = reading.experiment
    phases = [phase for phase in experiment.phases if phase.search is None]
    slices = experiment.blocks * len(experiment.arms) * sum(p.rounds for p in phases)
    logins = experiment.blocks * len(experiment.arms) * experiment.phase("login").rounds
    planned = reading.frame[reading.frame["kind"] != "slo"]
    assert list(reading.frame.columns) == list(COLUMNS)
    assert len(planned) == 2 * slices - logins
    assert len(slice_rows(planned)) == slices
    assert not reading.frame.duplicated(["block", "phase", "round", "arm", "endpoint"]).any()


def test_the_frame_holds_what_was_recorded(tmp_path: Path) -> None:
    frame = read_slices(
        tmp_path, a_slice(endpoints={"GET /me": an_endpoint({"200": 9, "401": 1})})
    ).frame
    row = frame.iloc[0]
    assert (row["kind"], row["strategy"], row["endpoint"]) == (
        "capacity",
        "session_redis",
        "GET /me",
    )
    assert (row["requests"], row["ok"], row["completed"]) == (10, 9, 310)
    assert row["unauthorised"] == 1
    assert row["response_p50_ms"] > 0


def test_a_slice_that_answered_nothing_keeps_its_time(tmp_path: Path) -> None:
    reading = read_slices(tmp_path, a_slice(endpoints={}, duration_s=0.7))
    assert reading.frame["endpoint"].isna().all()
    assert reading.cells[0].sums.duration_s == 0.7


def test_only_the_last_attempt_counts(tmp_path: Path) -> None:
    reading = read_slices(
        tmp_path,
        a_slice(attempt=0, completed=1_000),
        a_slice(attempt=0, completed=1_000, arm="none"),
        a_slice(attempt=1, completed=10),
        a_slice(attempt=1, completed=20, arm="none"),
        a_slice(round=1, completed=5),
    )
    completed = {cell.arm: cell.sums.completed for cell in reading.cells if cell.kind}
    assert completed == {"session_redis": 15, "none": 20}
    assert reading.repeated_rounds == 1
    assert len(slice_rows(reading.frame)) == 5
    assert reading.frame["counted"].sum() == 2 * 3


def test_a_round_cut_short_keeps_what_each_arm_has_last() -> None:
    cut = [a_slice(), a_slice(arm="none"), a_slice(attempt=1)]
    assert [counted for _, counted in last_attempts(cut)] == [False, True, True]


def test_reading_waits_for_no_more_than_a_round() -> None:
    taken: list[int] = []

    def slices() -> Iterator[SliceRecord]:
        for number in range(10):
            taken.append(number)
            yield a_slice(round=number)

    first, _ = next(last_attempts(slices()))
    assert first.round == 0
    assert taken == [0, 1]


def test_a_cell_merges_its_blocks_slices_and_no_others(reading: Reading) -> None:
    capacity = [c for c in reading.cells if (c.phase, c.arm) == ("capacity", "jwt_hs256")]
    assert [cell.block for cell in capacity] == [0, 1, 2, 3, 4]
    assert {cell.latency["GET /me"].samples for cell in capacity} == {4 * 285}
    assert reading.curves["capacity", "jwt_hs256", "GET /me"].count == 5 * 4 * 285


def test_a_cell_counts_what_failed_of_its_own_block(tmp_path: Path) -> None:
    endpoints = {"GET /me": an_endpoint({"200": 280, "503": 3, "reset": 2})}
    slices = [replace(each, endpoints=endpoints) for each in slices_of(SMALL)]
    cells = [cell for cell in read_slices(tmp_path, *slices).cells if cell.latency]
    assert len(cells) > 1
    for cell in cells:
        latency = cell.latency["GET /me"]
        assert latency.failed * 283 == latency.samples * 5


def test_a_truncated_last_line_is_reported_and_the_rest_used(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, a_run(SMALL))
    path = folder / run_store.SLICES_FILE
    whole = read(folder)
    path.write_bytes(path.read_bytes()[:-200])
    cut = read(folder)
    assert len(cut.unreadable) == 1
    assert "truncated" in cut.unreadable[0]
    assert len(slice_rows(cut.frame)) == len(slice_rows(whole.frame)) - 1


def test_what_the_experiment_does_not_know_is_reported(tmp_path: Path) -> None:
    bad = replace(an_endpoint(), response="no histogram")
    reading = read_slices(
        tmp_path,
        a_slice(phase="other"),
        a_slice(arm="other"),
        a_slice(endpoints={"GET /me": bad}),
        a_slice(),
    )
    assert len(reading.unreadable) == 3
    assert len(slice_rows(reading.frame)) == 1


def test_only_acknowledged_revocations_are_trials(tmp_path: Path) -> None:
    trials = (a_trial(), a_trial(revoke="refused"), a_trial(revoke="indeterminate"))
    reading = read(write_run_folder(tmp_path, a_run(SMALL), slices=(), trials=trials))
    assert len(reading.trials) == 1
    assert [cell.lags_s for cell in reading.cells if cell.kind == "revocation"] == [(0.001,)]


def test_a_changed_role_is_no_revocation(tmp_path: Path) -> None:
    trials = (a_trial(), a_trial(how="role", lag_high_s=0.9), a_trial(how="logout"))
    reading = read(write_run_folder(tmp_path, a_run(SMALL), slices=(), trials=trials))
    assert len(reading.revocations) == 3
    assert len(reading.trials) == 2
    assert [cell.lags_s for cell in reading.cells if cell.kind == "revocation"] == [(0.001, 0.001)]


def test_trials_of_what_the_experiment_does_not_know_are_reported(tmp_path: Path) -> None:
    trials = (a_trial(), a_trial(arm="other"), a_trial(phase="other"))
    reading = read(write_run_folder(tmp_path, a_run(SMALL), slices=(), trials=trials))
    assert len(reading.revocations) == 1
    assert reading.unreadable == (
        "trial of other in revocation left out: the experiment has no such arm",
        "trial of session_redis in other left out: the experiment has no such phase",
    )


def test_a_run_ten_times_as_long_needs_no_more_memory(tmp_path: Path) -> None:
    def peak(rounds: int) -> int:
        experiment = an_experiment(blocks=2, phases=(a_phase("capacity", rounds=rounds),))
        folder = write_run_folder(tmp_path, a_run(experiment), requests=100)
        tracemalloc.start()
        read(folder)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    # Kept, the histograms of the longer run alone would be ten times the shorter one's peak.
    assert peak(50) < 2 * peak(5)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no run here"):
        read(tmp_path)


def test_a_run_without_slices_is_readable(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, a_run(SMALL, status="interrupted"), slices=(), trials=())
    (folder / run_store.SLICES_FILE).unlink()
    assert read(folder).frame.empty


def test_the_builders_write_what_the_experiment_plans() -> None:
    slices = list(slices_of(SMALL))
    assert len(slices) == 2 * len(SMALL.arms) * (2 + 4)
    assert slices == list(slices_of(SMALL))

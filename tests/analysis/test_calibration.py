from __future__ import annotations

from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.report import write_report
from analysis.report.calibration import note_sentences
from loadtests import calibration_store
from loadtests.model import Calibration, CalibrationFile, CheckOutcome, StallPicture, WaitCurve
from tests.builders import a_phase, a_run, an_experiment
from tests.loadtests.calibration.builders import a_calibration, a_check
from tests.run_folders import write_run_folder

CURVES = tuple(
    WaitCurve(name, 1_000, (0.5, 0.9, 0.99), (start, 10.0, 900.0))
    for name, start in (
        ("true", 0.0),
        ("many", 0.2),
        ("few", 0.2),
        ("served", 0.1),
        ("Locust", 0.0),
    )
)
STALLS = StallPicture(200.0, 60.0, ((5.0, 6.0), (15.0, 16.0)), CURVES)


def stored(folder: Path, calibration: Calibration, stalls: StallPicture | None = STALLS) -> Path:
    path = folder / "calibration.json"
    calibration_store.write(path, CalibrationFile(calibration, stalls))
    return path


def test_a_report_says_how_far_the_harness_was_off(tmp_path: Path) -> None:
    run = a_run(an_experiment(blocks=1, phases=(a_phase(),)), calibration=a_calibration().note())
    written = write_report(write_run_folder(tmp_path, run))
    first, second = written.content.remarks[:2]
    assert "(2025-01-01): 1 of 1 checks passed" in first
    assert "p99 240 µs or 1.20% (response, open, bimodal)" in first
    assert "40,000 req/s of its core" in second
    assert "in time up to 2,000 req/s" in second
    for page in ("report.md", "report.html"):
        assert "or 1.20% (response, open, bimodal)" in (written.page.parent / page).read_text()


def test_an_error_beside_nothing_is_no_percentage() -> None:
    check = a_check(truth=0.001, measured=0.101, allowed=0.3)
    (first, _) = note_sentences(a_calibration(checks=(check,)).note())
    assert "p99 100 µs (response, open, bimodal)" in first


@pytest.mark.parametrize("outcome", ["fail", "undecided"])
def test_a_calibration_that_did_not_pass_warns(outcome: CheckOutcome) -> None:
    failed = a_calibration(
        checks=(a_check(), a_check(outcome=outcome), a_check(outcome="left out"))
    )
    (first, _) = note_sentences(failed.note())
    assert "1 of 2 checks passed" in first
    assert "1 left out" in first
    assert "Calibrate again" in first


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_command_says_and_draws(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = a_calibration(
        checks=(a_check(outcome="undecided"), a_check(outcome="fail", reason="a guess"))
    )
    picture = tmp_path / "new" / f"stalls.{suffix}"
    assert main(["calibration", str(stored(tmp_path, failing)), "--picture", str(picture)]) == 0
    told = capsys.readouterr().out
    assert "failed: open, bimodal, response p99: 20.24, truly 20.0 ms" in told
    assert "undecided: open, bimodal, response p99: 20.24" in told
    assert "(a guess)" in told
    drawn = picture.read_bytes()
    assert drawn.startswith(b"<?xml" if suffix == "svg" else b"\x89PNG")


@pytest.mark.parametrize(
    ("picture", "stalls", "error"),
    [
        ("stalls.gif", STALLS, "allowed: a name that ends in .svg or .png"),
        ("stalls.svg", None, "nothing to draw"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    tmp_path: Path,
    picture: str,
    stalls: StallPicture | None,
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = stored(tmp_path, a_calibration(), stalls)
    assert main(["calibration", str(file), "--picture", str(tmp_path / picture)]) == 2
    told = capsys.readouterr().err
    assert error in told
    assert told.count("\n") == 1


def test_no_calibration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibration", str(tmp_path / "none.json")]) == 2
    assert "no calibration here" in capsys.readouterr().err

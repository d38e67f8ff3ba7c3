"""How `python -m loadtests.calibration` ends; what it measures has tests of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests import calibration_store
from loadtests.calibration import __main__ as command
from loadtests.calibration import answers, limits, stalls
from loadtests.calibration.stalls import StallResult
from loadtests.model import CheckOutcome, StallPicture
from loadtests.target import MeasurementError
from tests.loadtests.calibration.builders import a_check, the_limits


@pytest.fixture(autouse=True)
def _handlers_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def calibrate(
    patch: pytest.MonkeyPatch, results: Path, *outcomes: CheckOutcome, flags: tuple[str, ...] = ()
) -> int:
    """The first outcome is that of the stalls, the others those of the scripts."""
    seen = StallResult((a_check(outcome=outcomes[0]),), StallPicture(200.0, 60.0, (), ()))
    answered = [a_check(outcome=each, reason="a guess") for each in outcomes[1:]]
    patch.setattr(stalls, "measured_stalls", lambda _plan, _placement: seen)
    patch.setattr(answers, "measured_answers", lambda _plan, _placement: answered)
    patch.setattr(limits, "measured_limits", lambda _placement: the_limits())
    patch.setattr(sys, "argv", ["calibration", "--results", str(results), *flags])
    return command.main()


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (("pass", "pass"), 0),
        (("pass", "left out"), 0),
        (("fail", "pass"), 1),
        (("pass", "fail"), 1),
        (("left out", "left out"), 1),
    ],
)
def test_the_status_is_the_outcome_and_results_are_stored_either_way(
    outcomes: tuple[CheckOutcome, ...],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert calibrate(monkeypatch, tmp_path, *outcomes) == status
    stored = calibration_store.read(tmp_path / calibration_store.CALIBRATION_FILE)
    assert stored.calibration.limits == the_limits()
    assert [check.outcome for check in stored.calibration.checks] == [*outcomes[1:], outcomes[0]]
    told = capsys.readouterr().out
    assert "40,000 requests per second of its core" in told
    assert f"{outcomes[1]}, open, bimodal: response p99: a guess" in told


def test_a_death_is_told_and_nothing_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(*_arguments: object) -> None:
        raise MeasurementError("the scripted server has ended")

    monkeypatch.setattr(stalls, "measured_stalls", dies)
    monkeypatch.setattr(sys, "argv", ["calibration", "--results", str(tmp_path)])
    assert command.main() == 1
    assert capsys.readouterr().err == "the scripted server has ended\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["0", "nan", "-3", "soon", "1e9"])
def test_a_length_that_proves_nothing_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        calibrate(monkeypatch, tmp_path, "pass", "pass", flags=("--stalls-s", text))
    assert ended.value.code == 2
    assert f"--stalls-s: '{text}'; allowed: seconds from 20 to 3600" in capsys.readouterr().err

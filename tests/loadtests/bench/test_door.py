"""python -m loadtests.bench: commands, bad input, exit statuses."""

from __future__ import annotations

import pytest

from loadtests.bench import __main__ as door
from loadtests.bench import crosscheck, dispatch_table, generator
from loadtests.model import ConfigurationError
from loadtests.target import MeasurementError


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["loadtests.bench", *words])
    return door.main()


@pytest.mark.parametrize("rounds", ["1", "0", "-3", "many"])
def test_too_few_rounds_for_an_interval_are_refused(
    rounds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        called(monkeypatch, "crosscheck", "--rounds", rounds)
    assert ended.value.code == 2
    assert f"--rounds: {rounds}: allowed a whole number from 2 on" in capsys.readouterr().err


def test_rounds_are_passed_on_and_the_status_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosscheck, "main", lambda _console, rounds: rounds)
    assert called(monkeypatch, "crosscheck", "--rounds", "9") == 9
    monkeypatch.setattr(crosscheck, "main", lambda _console, rounds: 0 if rounds is None else 1)
    assert called(monkeypatch, "crosscheck") == 0


@pytest.mark.parametrize(
    ("command", "module"), [("generator", generator), ("dispatch", dispatch_table)]
)
@pytest.mark.parametrize(
    ("error", "status"), [(ConfigurationError("no such CPU"), 2), (MeasurementError("it died"), 1)]
)
def test_what_stops_a_bench_is_one_line_and_a_status(
    command: str,
    module: object,
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stops(_console: object) -> int:
        raise error

    monkeypatch.setattr(module, "main", stops)
    assert called(monkeypatch, command) == status
    assert capsys.readouterr().err == f"{error}\n"

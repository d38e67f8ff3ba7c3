from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from tests.builders import a_finding, a_phase, a_run, an_experiment
from tests.run_folders import write_run_folder

CORE = "requests_per_core_second"
# The folders' costs are 42 µs for none and 115 µs for session_redis.
HOLDS = f"none.capacity.{CORE} >= 2 * session_redis.capacity.{CORE}"
FAILS = f"session_redis.capacity.{CORE} >= 0.9 * none.capacity.{CORE}"
UNDECIDED = "jwt_hs256.revocation.revocation_lag_max_s < 9"
PHASES = (a_phase("capacity", rounds=1), a_phase("revocation", rounds=1))


def a_folder(tmp_path: Path, *gates: str, **changes: Any) -> Path:
    run = a_run(an_experiment(phases=PHASES, gates=gates), **changes)
    return write_run_folder(tmp_path, run, requests=60)


@pytest.mark.parametrize("command", ["gate", "report"])
@pytest.mark.parametrize(
    ("rules", "invalid", "status"),
    [
        ([HOLDS], False, 0),
        ([HOLDS, UNDECIDED], False, 0),
        ([HOLDS, UNDECIDED, FAILS], False, 4),
        ([FAILS], True, 3),
        (["none.capacity > 5"], True, 2),
    ],
    ids=["holds", "undecided", "fails", "invalid", "unknown"],
)
def test_the_exit_status(
    tmp_path: Path, command: str, rules: list[str], invalid: bool, status: int
) -> None:
    findings = (a_finding("invalid"),) if invalid else ()
    folder = a_folder(tmp_path, findings=findings)
    flags = [part for rule in rules for part in ("--gate", rule)]
    assert main([command, str(folder), *flags]) == status


def test_rules_of_the_experiment_and_of_the_command_line_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_folder(tmp_path, HOLDS, UNDECIDED)
    before = sorted(folder.iterdir())
    assert main(["gate", str(folder), "--gate", FAILS]) == 4
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"VALID: {folder}"
    assert lines[0].startswith(f"gate passed: {HOLDS}: 2.")
    assert lines[1].startswith(f"gate undecided: {UNDECIDED}: revocation_lag_max_s is one number")
    assert lines[2].startswith(f"gate FAILED: {FAILS}: 0.3")
    assert len(lines) == 3
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no gate to judge; allowed: --gate RULE, or an experiment with [gate] rules"),
        (["--gate", "nonsense"], "--gate = 'nonsense': comparisons: none; allowed: one of"),
        (["--gate", HOLDS, "--gate", "a.b > 1"], "--gate = 'a.b > 1': arm 'a'; allowed: none, "),
    ],
    ids=["none", "nonsense", "unknown"],
)
def test_what_cannot_be_judged_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["gate", str(a_folder(tmp_path)), *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_bad_rule_leaves_the_folder_alone(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    before = sorted(folder.iterdir())
    assert main(["report", str(folder), "--gate", "nonsense"]) == 2
    assert sorted(folder.iterdir()) == before


def test_the_report_holds_the_outcomes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_folder(tmp_path, HOLDS)
    assert main(["report", str(folder), "--gate", FAILS, "--gate", UNDECIDED]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[-3:]] == [
        "gate passed", "gate FAILED", "gate undecided",
    ]  # fmt: skip
    assert lines[-4].startswith("Report: ")
    gates = json.loads((folder / "summary.json").read_text())["gates"]
    assert [list(gate) for gate in gates] == 3 * [
        ["rule", "outcome", "value", "low", "high", "reason"]
    ]
    assert [(gate["rule"], gate["outcome"]) for gate in gates] == [
        (HOLDS, "pass"), (FAILS, "fail"), (UNDECIDED, "undecided"),
    ]  # fmt: skip
    assert gates[0]["low"] <= gates[0]["value"] <= gates[0]["high"]
    assert (gates[0]["reason"], gates[2]["value"]) == (None, None)
    text = (folder / "report.md").read_text()
    assert text.index("**VALID**") < text.index("## Gates") < text.index("## Arms")
    assert f"| {FAILS} | FAILED | 0.3" in text
    page = (folder / "report.html").read_text()
    assert page.index('class="stamp"') < page.index('id="gates"') < page.index('id="arms"')


def test_no_gates_no_table(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert main(["report", str(folder)]) == 0
    assert json.loads((folder / "summary.json").read_text())["gates"] == []
    assert "## Gates" not in (folder / "report.md").read_text()
    assert 'id="gates"' not in (folder / "report.html").read_text()

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis.__main__ import main
from tests.builders import a_finding, a_phase, a_run, an_experiment
from tests.run_folders import write_run_folder

EXPERIMENT = an_experiment(phases=(a_phase("capacity", rounds=1),))
MACHINE = {"cpu_model": "a plausible CPU", "cpu_count": 2, "python": "3.11.9"}
OTHER = {**MACHINE, "cpu_model": "another", "cpu_count": 8}
LINES = ["cpu_model: a plausible CPU in A, another in B", "cpu_count: 2 in A, 8 in B"]


def a_folder(tmp_path: Path, seed: int = 1, **changes: Any) -> Path:
    run = a_run(**{"experiment": EXPERIMENT, "environment": MACHINE, **changes})
    return write_run_folder(tmp_path, run, seed=seed, requests=60)


def test_two_runs_of_one_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = a_folder(tmp_path), a_folder(tmp_path, seed=2)
    assert main(["compare", str(before), str(after)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# authbench: run B against run A\n\n- A: `")
    assert "not paired" in text
    assert "**" not in text
    for arm in EXPERIMENT.arms:
        assert f"### {arm.name}: B ÷ A\n" in text
    assert "| requests per core-second (servers + store) (req/core-s) | capacity | " in text


def test_what_differs_is_refused_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = a_folder(tmp_path), a_folder(tmp_path, environment=OTHER)
    file = tmp_path / "out.json"
    assert main(["compare", str(before), str(after), "--json", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    *lines, hint = said.err.splitlines()
    assert lines == [f"not the same in both runs: {line}" for line in LINES]
    assert "--force" in hint
    assert not file.exists()


def test_forced_it_says_so_on_top(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = a_folder(tmp_path), a_folder(tmp_path, environment=OTHER)
    file = tmp_path / "out.json"
    assert main(["compare", str(before), str(after), "--force", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    warnings = [f"Not the same in both runs: {line}" for line in LINES]
    assert lines[2:4] == [f"- **{warning}**" for warning in warnings]
    document = json.loads(file.read_text())
    assert list(document) == [
        "schema", "warnings", "a", "b", "differences", "only_in_a", "only_in_b", "comparisons",
    ]  # fmt: skip
    assert document["warnings"] == warnings
    assert document["differences"][1] == {"what": "cpu_count", "a": "2", "b": "8"}


def test_an_invalid_run_is_compared_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = a_folder(tmp_path)
    after = a_folder(tmp_path, findings=(a_finding("invalid"),))
    assert main(["compare", str(before), str(after)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == (
        "- **B is INVALID (generator_busy), so quote no ratio below: the generator was 88% busy**"
    )
    assert any(line.startswith("| throughput") for line in lines)


def test_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = a_folder(tmp_path), a_folder(tmp_path, seed=2)
    page, file = tmp_path / "out.md", tmp_path / "out.json"
    flags = ["--markdown", str(page), "--json", str(file)]
    assert main(["compare", str(before), str(after), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Of ")
    assert lines[1:] == [f"Comparison: {page}"]
    assert page.read_text().startswith("# authbench")
    document = json.loads(file.read_text())
    assert list(document["a"]) == [
        "folder", "verdict", "experiment", "blocks", "started_at", "git_commit",
    ]  # fmt: skip
    assert (document["a"]["blocks"], document["b"]["folder"]) == (5, str(after))
    rows = document["comparisons"]
    assert list(rows[0]) == [
        "arm", "phase", "scenario", "endpoint", "metric", "unit", "a", "b", "ratio", "low", "high",
        "aa_floor", "verdict", "reason", "minimum_detectable_effect", "more_blocks",
    ]  # fmt: skip
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in rows if row["ratio"])
    assert {row["arm"] for row in rows} == {arm.name for arm in EXPERIMENT.arms}


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(a_folder(tmp_path))
    page = tmp_path / "nowhere" / "out.md"
    assert main(["compare", folder, folder, "--markdown", str(page)]) == 2
    said = capsys.readouterr().err
    assert said == f"{page}: cannot be written: No such file or directory\n"


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["plain", "forced"])
def test_a_folder_that_is_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], force: list[str]
) -> None:
    assert main(["compare", str(a_folder(tmp_path)), str(tmp_path), *force]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no run here (it has no readable run.json)\n"


def test_a_reader_may_stop_early(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    command = [sys.executable, "-m", "analysis", "compare", str(folder), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0

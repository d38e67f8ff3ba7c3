import subprocess
import sys
from pathlib import Path

import pytest

from analysis.__main__ import main
from tests.builders import a_finding, a_phase, a_run, an_experiment
from tests.run_folders import write_run_folder

QUICK = an_experiment(blocks=2, phases=(a_phase("capacity", rounds=1),))


def test_a_valid_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_run_folder(tmp_path, a_run(QUICK))
    assert main(["report", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("VALID")
    assert "jwt_hs256 serves" in lines[1]
    assert lines[-1] == f"Report: {folder / 'report.html'}"


def test_an_invalid_run_is_written_and_exits_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run_folder(tmp_path, a_run(QUICK, findings=(a_finding("invalid"),)))
    assert main(["report", str(folder)]) == 3
    assert capsys.readouterr().out.startswith("INVALID")
    assert (folder / "report.html").exists()


def test_a_metric_is_printed_for_every_arm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run_folder(tmp_path, a_run(QUICK))
    main(["report", str(folder), "--metric", "throughput_rps"])
    out = capsys.readouterr().out
    assert all(f"capacity  {arm.name}: " in out for arm in QUICK.arms)
    assert "capacity  jwt_hs256 ÷ session_redis: 1." in out


def test_an_unknown_metric_names_the_allowed_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path), "--metric", "speed"]) == 2
    said = capsys.readouterr()
    assert "'speed'" in said.err
    assert "throughput_rps" in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "analysis", "report", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == f"{tmp_path}: no run here (it has no readable run.json)\n"

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from loadtests import calibration_store, environment
from loadtests.calibration_store import CALIBRATION_FILE, Environment, differences, fitting
from loadtests.model import Calibration, CalibrationFile, ConfigurationError
from tests.loadtests.calibration.builders import a_calibration, a_check

HERE = environment.describe()
MADE_HERE = a_calibration(environment=HERE)


def stored(results: Path, calibration: Calibration) -> Path:
    calibration_store.write(results / CALIBRATION_FILE, CalibrationFile(calibration, None))
    return results


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = stored(tmp_path / "new", MADE_HERE) / CALIBRATION_FILE
    assert calibration_store.read(path) == CalibrationFile(MADE_HERE, None)


def test_a_calibration_of_this_machine_is_found_without_a_word(tmp_path: Path) -> None:
    assert fitting(stored(tmp_path, MADE_HERE), HERE) == (MADE_HERE.note(), None)


def test_none_is_a_remark(tmp_path: Path) -> None:
    found, remark = fitting(tmp_path, HERE)
    assert found is None
    assert remark is not None
    assert "make calibrate" in remark


@pytest.mark.parametrize(
    ("elsewhere", "named"),
    [
        ({"cpu_model": "another"}, "cpu_model: another, now"),
        ({"cpu_count": 96}, "cpu_count: 96, now"),
        ({"lib_gevent": "0.1"}, "lib_gevent: 0.1, now"),
        ({"kernel": "2.4.0"}, "kernel: 2, now"),
    ],
)
def test_one_made_elsewhere_does_not_count(
    tmp_path: Path, elsewhere: Environment, named: str
) -> None:
    made = a_calibration(environment={**HERE, **elsewhere})
    found, remark = fitting(stored(tmp_path, made), HERE)
    assert found is None
    assert remark is not None
    assert named in remark
    assert "\n" not in remark


@pytest.mark.parametrize("same", [{"memory_mib": 1}, {"lib_redis": "0"}, {"lib_aiohttp": "0"}])
def test_what_the_generator_does_not_depend_on_may_differ(same: Environment) -> None:
    assert differences({**HERE, **same}, HERE) == []


def test_a_failed_one_counts_and_is_told(tmp_path: Path) -> None:
    failed = dataclasses.replace(MADE_HERE, checks=(a_check(), a_check(outcome="fail")))
    found, remark = fitting(stored(tmp_path, failed), HERE)
    assert found == failed.note()
    assert remark is not None
    assert "1 of 2 checks failed, 0 stayed undecided" in remark
    open_one = dataclasses.replace(MADE_HERE, checks=(a_check(), a_check(outcome="undecided")))
    _found, remark = fitting(stored(tmp_path, open_one), HERE)
    assert remark is not None
    assert "0 of 2 checks failed, 1 stayed undecided" in remark


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"calibration": 3}'])
def test_a_damaged_file_stops_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / CALIBRATION_FILE).write_text(text)
    found, remark = fitting(tmp_path, HERE)
    assert found is None
    assert remark is not None
    assert CALIBRATION_FILE in remark


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, dataclasses.replace(MADE_HERE, schema=2)) / CALIBRATION_FILE
    with pytest.raises(ConfigurationError, match=r"schema: 2; allowed: 1"):
        calibration_store.read(path)

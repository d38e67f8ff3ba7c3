"""results/calibration.json: written by `make calibrate`, read by every run on the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from loadtests.model import (
    CALIBRATION_SCHEMA,
    MACHINE_FACTS,
    CalibrationFile,
    CalibrationNote,
    ConfigurationError,
    Setting,
)
from loadtests.run_store import write_atomically

CALIBRATION_FILE = "calibration.json"
# What else the generator's numbers depend on; servers and stores may change beside it.
_GENERATOR = ("lib_locust", "lib_gevent", "lib_httptools", "lib_hdrhistogram")
_FILE = TypeAdapter(CalibrationFile)

Environment = Mapping[str, Setting | None]


def write(path: Path, measured: CalibrationFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, _FILE.dump_json(measured, indent=2).decode() + "\n")


def read(path: Path) -> CalibrationFile:
    """Raises ConfigurationError, one line, when `path` holds no calibration of this schema."""
    try:
        measured = _FILE.validate_json(path.read_bytes())
    except OSError:
        raise ConfigurationError(f"{path}: no calibration here; `make calibrate`") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {where}: {first['msg']}") from None
    schema = measured.calibration.schema
    if schema != CALIBRATION_SCHEMA:
        raise ConfigurationError(
            f"{path}: calibration.schema: {schema}; allowed: {CALIBRATION_SCHEMA}"
        )
    return measured


def fitting(results: Path, environment: Environment) -> tuple[CalibrationNote | None, str | None]:
    """The calibration stored in `results` when it was made in `environment`, else None; and a
    remark, one line, where there is something to say of it."""
    path = results / CALIBRATION_FILE
    if not path.exists():
        return None, "not calibrated on this machine: `make calibrate` (six minutes)"
    try:
        calibration = read(path).calibration
    except ConfigurationError as why:
        return None, f"{why}; run `make calibrate` again"
    if differing := differences(calibration.environment, environment):
        said = ", ".join(differing)
        return None, f"{path} was measured elsewhere ({said}); run `make calibrate` again"
    note = calibration.note()
    if not calibration.passed:
        judged = note.passed + note.failed + note.undecided
        missed = f"{note.failed} of {judged} checks failed, {note.undecided} stayed undecided"
        return note, f"{path}: {missed}; see `make calibrate`"
    return note, None


def differences(before: Environment, now: Environment) -> list[str]:
    """What keeps a calibration from counting: `name: before, now`."""
    names = (*MACHINE_FACTS, *_GENERATOR)
    differing = [
        f"{name}: {before.get(name)}, now {now.get(name)}"
        for name in names
        if before.get(name) != now.get(name)
    ]
    if (was := _major(before)) != (is_now := _major(now)):
        differing.append(f"kernel: {was}, now {is_now}")
    return differing


def _major(environment: Environment) -> str:
    return str(environment.get("kernel")).partition(".")[0]

"""The run folder: append-only slices and trials, an atomically replaced run.json, `latest`.

The one writer is the runner; everything here that reads streams, so a long run costs no more
memory than a short one. A line that cannot be read is reported and passed over.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from loadtests.model import (
    ConfigurationError,
    OutageRecord,
    RevocationRecord,
    RunRecord,
    SliceRecord,
    TabsRecord,
)

RUN_FILE = "run.json"
SLICES_FILE = "slices.jsonl"
REVOCATIONS_FILE = "revocations.jsonl"
OUTAGES_FILE = "outages.jsonl"
TABS_FILE = "tabs.jsonl"
LATEST = "latest"

# What run.json needs and a good deal more.
RESERVED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _OfABlock:
    block: int


_OF_A_BLOCK = TypeAdapter(_OfABlock)
_RUN = TypeAdapter(RunRecord)
_SLICE = TypeAdapter(SliceRecord)
_REVOCATION = TypeAdapter(RevocationRecord)
_OUTAGE = TypeAdapter(OutageRecord)
_TABS = TypeAdapter(TabsRecord)

Line = TypeVar("Line")
Report = Callable[[str], None]


def utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create(results: Path, experiment_name: str) -> Path:
    """Makes `results/<experiment>-<UTC>/`; a second run within the second gets `-2` and so on."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    results.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        folder = results / f"{experiment_name}-{stamp}{suffix}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise ConfigurationError(f"{results}: a hundred runs began in one second; try again")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a run folder, so that no second process measures into it; ends with the process.

    Raises ConfigurationError when another one does.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            f"{folder}: another process measures into it; let it end"
        ) from None
    else:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def room_to_end(folder: Path) -> Iterator[Callable[[], None]]:
    """Disk space kept back while a run measures; what this yields gives it up, so that a run whose
    disk is full can still write how it ended."""
    reserve = folder / ".reserve"

    def give_up() -> None:
        reserve.unlink(missing_ok=True)

    try:
        reserve.write_bytes(bytes(RESERVED_BYTES))
        yield give_up
    finally:
        give_up()


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old text or the new one, whatever kills the writer or fills the disk."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_run(folder: Path, run: RunRecord) -> None:
    text = _RUN.dump_json(run, indent=2).decode()
    write_atomically(folder / RUN_FILE, text + "\n")


def slice_line(record: SliceRecord) -> str:
    """One line without its newline; what the generator emits is what the folder holds."""
    return _SLICE.dump_json(record).decode()


def revocation_line(record: RevocationRecord) -> str:
    return _REVOCATION.dump_json(record).decode()


def outage_line(record: OutageRecord) -> str:
    return _OUTAGE.dump_json(record).decode()


def tabs_line(record: TabsRecord) -> str:
    return _TABS.dump_json(record).decode()


def append_line(folder: Path, file_name: str, line: str) -> None:
    """Appends one line with a single write, so a kill leaves at most one truncated line."""
    with (folder / file_name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def point_latest(folder: Path) -> None:
    """`results/latest` becomes a link to `folder`, in one step."""
    beside = folder.parent / f".{LATEST}.tmp"
    beside.unlink(missing_ok=True)
    beside.symlink_to(folder.name)
    beside.replace(folder.parent / LATEST)


def read_run(folder: Path) -> RunRecord:
    """Raises ConfigurationError, one line, when `folder` is no run or its run.json is damaged."""
    try:
        text = (folder / RUN_FILE).read_bytes()
    except OSError:
        raise ConfigurationError(f"{folder}: no run here (it has no readable {RUN_FILE})") from None
    try:
        return _RUN.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{folder / RUN_FILE}: {where}: {first['msg']}") from None


def read_slices(folder: Path, report: Report) -> Iterator[SliceRecord]:
    """Slices in the order measured; `report` gets one line for each that cannot be read."""
    return _read_lines(folder / SLICES_FILE, _SLICE, report)


def read_revocations(folder: Path, report: Report) -> Iterator[RevocationRecord]:
    return _read_lines(folder / REVOCATIONS_FILE, _REVOCATION, report)


def read_outages(folder: Path, report: Report) -> Iterator[OutageRecord]:
    return _read_lines(folder / OUTAGES_FILE, _OUTAGE, report)


def read_tabs(folder: Path, report: Report) -> Iterator[TabsRecord]:
    return _read_lines(folder / TABS_FILE, _TABS, report)


def lines_by_block(path: Path) -> Iterator[tuple[int | None, str]]:
    """Every line as it stands, without its newline, and the block it belongs to; None for one
    that is cut off or damaged. Nothing where there is no file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            yield _block_of(line) if line.endswith("\n") else None, line.rstrip("\n")


def _block_of(line: str) -> int | None:
    try:
        return _OF_A_BLOCK.validate_json(line).block
    except ValidationError:
        return None


def _read_lines(path: Path, adapter: TypeAdapter[Line], report: Report) -> Iterator[Line]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield adapter.validate_json(line)
            except ValidationError as error:
                reason = "truncated" if not line.endswith(b"\n") else error.errors()[0]["msg"]
                report(f"{path}: line {number} left out: {reason}")

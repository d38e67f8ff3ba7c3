"""Watches the processes a test starts: what lives, what is left behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil


def wait_for(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Polls until `condition`; fails the test with `what` when `deadline_s` passes first."""
    until_s = time.monotonic() + deadline_s
    while time.monotonic() < until_s:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline_s} s: {what}")


def descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(map(_lives, processes))


def _lives(process: psutil.Process) -> bool:
    # It may end between two looks.
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False

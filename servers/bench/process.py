"""Processes of the race: where they run, and that they end with us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SERVER_CPU, DRIVER_CPU = 0, 1


class CannotRace(Exception):
    """What a person must change first: one line."""


def pin(cpu: int) -> None:
    """Keeps this process on one CPU, where the platform can and there are both."""
    if not hasattr(os, "sched_setaffinity"):
        return
    if (os.cpu_count() or 1) > max(SERVER_CPU, DRIVER_CPU):
        os.sched_setaffinity(0, {cpu})


def pin_to_servers() -> None:
    pin(SERVER_CPU)


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used, all threads."""
    if sys.platform == "linux":
        # clock_getcpuclockid(3): nanoseconds, where /proc counts in steps of 10 ms.
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class Server:
    """A server process that listens."""

    pid: int
    port: int


@contextmanager
def started(module: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """`python -m module…` on the servers' CPU. It ends when its stdin does."""
    with subprocess.Popen(
        [sys.executable, "-m", *module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        preexec_fn=pin_to_servers,  # noqa: PLW1509 - no threads are running yet
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise CannotRace(f"{module[0]} did not start; its own line above says why")
            yield Server(process.pid, int(json.loads(line)["port"]))
        finally:
            process.stdin.close()

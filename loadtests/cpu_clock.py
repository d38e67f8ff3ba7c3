"""CPU time of processes and of the machine, read from outside: nothing runs on a measured core."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_STAT = Path("/proc/stat")
# CLOCK_PROCESS_CPUTIME_ID of another process: Linux, include/linux/posix-timers.h, CPUCLOCK_SCHED.
_SCHED_CLOCK = 2


def process_cpu_ns(pid: int) -> int:
    """CPU time of a process, user and system, in ns; 10 ms steps where there is no such clock.

    Raises ProcessLookupError when there is no such process.
    """
    if sys.platform == "linux":
        try:
            return time.clock_gettime_ns((~pid << 3) | _SCHED_CLOCK)
        except OSError:
            raise ProcessLookupError(pid) from None
    try:
        spent = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None
    return int((spent.user + spent.system) * 1e9)


def processes_cpu_ns(pids: Iterable[int]) -> int | None:
    """The sum over `pids`; None when one of them is gone."""
    try:
        return sum(process_cpu_ns(pid) for pid in pids)
    except ProcessLookupError:
        return None


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """CPU seconds of all CPUs since boot: spent on anything here, and taken by the host."""

    busy_s: float
    steal_s: float


def machine_cpu() -> MachineCpu | None:
    """None where the kernel does not tell (no /proc/stat). Steps of 10 ms a CPU."""
    if not _STAT.exists():
        return None
    return parse_machine_cpu(_STAT.read_text().splitlines()[0], os.sysconf("SC_CLK_TCK"))


def parse_machine_cpu(line: str, ticks_per_s: int) -> MachineCpu:
    """The `cpu` line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal …"""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return MachineCpu((user + nice + system + irq + softirq) / ticks_per_s, steal / ticks_per_s)

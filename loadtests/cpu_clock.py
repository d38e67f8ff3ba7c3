"""CPU time of processes and of the machine, read from outside: nothing runs on a measured core."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Container, Iterable
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


def cpu_ns_of_others(ours: Container[int]) -> dict[int, int]:
    """CPU time of every process that is not one of `ours`, the kernel's threads among them, as far
    as it can be read."""
    spent: dict[int, int] = {}
    for pid in psutil.pids():
        if pid not in ours:
            with contextlib.suppress(ProcessLookupError):
                spent[pid] = process_cpu_ns(pid)
    return spent


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """CPU seconds of all `cpus` together since boot: with work, without, and taken by the host."""

    busy_s: float
    idle_s: float
    steal_s: float
    cpus: int

    def busy_since(self, before: MachineCpu, elapsed_s: float) -> float:
        """CPU seconds spent on anything here in the `elapsed_s` since `before`.

        The smaller of two readings, as each can only be too large where the other is right: busy
        time is sampled at ticks, so work that beats in time with them (requests every 2 ms, say)
        may count far too much; time not idle includes every waking of a CPU, thousands a second.
        """
        idle_s = self.idle_s - before.idle_s
        not_idle_s = self.cpus * elapsed_s - idle_s - (self.steal_s - before.steal_s)
        return max(0.0, min(self.busy_s - before.busy_s, not_idle_s))


def machine_cpu() -> MachineCpu | None:
    """None where the kernel does not tell (no /proc/stat). Steps of 10 ms."""
    if not _STAT.exists():
        return None
    return parse_machine_cpu(_STAT.read_text(), os.sysconf("SC_CLK_TCK"))


def parse_machine_cpu(text: str, ticks_per_s: int) -> MachineCpu:
    """The `cpu` lines of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal …"""
    lines = [line for line in text.splitlines() if line.startswith("cpu")]
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, lines[0].split()[1:9])
    return MachineCpu(
        busy_s=(user + nice + system + irq + softirq) / ticks_per_s,
        idle_s=(idle + iowait) / ticks_per_s,
        steal_s=steal / ticks_per_s,
        cpus=len(lines) - 1,
    )

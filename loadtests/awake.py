"""Keeps idle CPUs from halting while something is measured, where the system lets us.

Waking a halted CPU takes time, milliseconds where a hypervisor has given it away meanwhile, and
costs whoever wakes it: on a virtual machine a server pays some 20 µs of its CPU for every answer
to a client that sleeps. Neither is the design's, nor the network's, which clients have in life.

The kernel is asked for it where it can do so; elsewhere a process of ours spins on every CPU that
has nothing else to do.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from loadtests.children import read_line, stop
from loadtests.cpu_quota import has_cpu_quota
from loadtests.placement import usable_cpus

# Linux, Documentation/power/pm_qos_interface.rst: the latency asked for holds while it is open.
_PM_QOS = Path("/dev/cpu_dma_latency")
# Without a driver (`none`, as on many virtual machines) no idle loop heeds it: a CPU halts.
_IDLE_DRIVER = Path("/sys/devices/system/cpu/cpuidle/current_driver")
_NO_LATENCY = struct.pack("i", 0)
_SPINNER = "loadtests.spinner"
_START_TIMEOUT_S, _STOP_TIMEOUT_S = 20.0, 5.0


@contextmanager
def kept_awake(cpus: Sequence[int] | None = None) -> Iterator[bool]:
    """Yields whether CPUs are kept awake: those of `cpus` at least, by default all that this
    process may use."""
    if _can_poll():
        with _PM_QOS.open("r+b", buffering=0) as device:
            device.write(_NO_LATENCY)
            yield True
    elif _can_spin():
        with _spinning(usable_cpus() if cpus is None else cpus) as spins:
            yield spins
    else:
        yield False


def can_be_kept_awake() -> bool:
    """Whether `kept_awake` would be granted what it asks for."""
    return _can_poll() or _can_spin()


def own_pids() -> tuple[int, ...]:
    """This process, and the one by which it keeps CPUs awake, where there is one: their CPU is
    no other work's."""
    return (os.getpid(), *spinner_pids())


def spinner_pids() -> tuple[int, ...]:
    """Of the process by which this one keeps CPUs awake; none where it does not, or need not."""
    return tuple(child.pid for child in psutil.Process().children() if _spins(child))


def _spins(process: psutil.Process) -> bool:
    try:
        return _SPINNER in process.cmdline()
    except psutil.Error:
        # It ended meanwhile.
        return False


def _can_poll() -> bool:
    """Mostly only root may ask for it."""
    if not _IDLE_DRIVER.exists() or _IDLE_DRIVER.read_text().strip() == "none":
        return False
    try:
        _PM_QOS.open("r+b", buffering=0).close()
    except OSError:
        return False
    return True


def _can_spin() -> bool:
    """Not where CPU time is rationed, as spinning would use it up."""
    return sys.platform == "linux" and not has_cpu_quota()


@contextmanager
def _spinning(cpus: Sequence[int]) -> Iterator[bool]:
    process = subprocess.Popen(
        [sys.executable, "-m", _SPINNER, *map(str, cpus)],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield bool(read_line(process, _START_TIMEOUT_S))
    finally:
        stop(process, _STOP_TIMEOUT_S)

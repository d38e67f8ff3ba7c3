"""Spins on CPUs that have nothing else to do: python -m loadtests.spinner CPU …

Says so in a line once it does, and ends with its stdin. Its threads are of the idle class
(sched(7)): whatever else wakes on their CPU comes before them, at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from threading import Event, Thread

# sched(7), "The autogroup feature": a session gets its share as a whole, however idle its threads.
_AUTOGROUP = Path("/proc/self/autogroup")
_LEAST_NICE = "19"
_START_TIMEOUT_S = 5.0


def main(cpus: list[int]) -> int:
    with contextlib.suppress(OSError):
        _AUTOGROUP.write_text(_LEAST_NICE)
    libc = ctypes.CDLL(None)
    # A lock that nobody gives back: whoever asks for it spins in C, pausing, and holds no GIL.
    lock = ctypes.byref(ctypes.c_int())
    libc.pthread_spin_init(lock, 0)
    libc.pthread_spin_lock(lock)

    def spin(cpu: int, about_to: Event) -> None:
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        about_to.set()
        libc.pthread_spin_lock(lock)

    spinning = {cpu: Event() for cpu in cpus}
    for cpu, about_to in spinning.items():
        Thread(target=spin, args=(cpu, about_to), daemon=True).start()
    if not all(about_to.wait(_START_TIMEOUT_S) for about_to in spinning.values()):
        return 1
    sys.stdout.write("spinning\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    # A thread in C ends with the process only.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main([int(cpu) for cpu in sys.argv[1:]]))

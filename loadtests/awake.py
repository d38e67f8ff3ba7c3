"""Keeps idle CPUs from halting while something is measured, where the system lets us.

Waking a halted CPU takes time, milliseconds where a hypervisor has given it away meanwhile, and
costs whoever wakes it: on a virtual machine a server pays some 20 µs of its CPU for every answer
to a client that sleeps. Neither is the design's, nor the network's, which clients have in life.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Linux, Documentation/power/pm_qos_interface.rst: the latency asked for holds while it is open.
_PM_QOS = Path("/dev/cpu_dma_latency")
_NO_LATENCY = struct.pack("i", 0)


@contextmanager
def kept_awake() -> Iterator[bool]:
    """Yields whether CPUs are kept awake; mostly only root may ask for it."""
    try:
        device = _PM_QOS.open("r+b", buffering=0)
    except OSError:
        yield False
        return
    with device:
        device.write(_NO_LATENCY)
        yield True


def can_be_kept_awake() -> bool:
    """Whether `kept_awake` would be granted what it asks for."""
    try:
        _PM_QOS.open("r+b", buffering=0).close()
    except OSError:
        return False
    return True

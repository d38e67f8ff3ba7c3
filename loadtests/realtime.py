"""Puts this process first in line for its CPU, where the system lets us.

An ordinary process that wakes waits for what runs on its CPU, the kernel's own housekeeping
included: a millisecond or more now and then. A request sent, or an answer read, that much later
is no server's doing, and clients in life do not share one core. Servers and stores stay ordinary:
what they wait for is theirs.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

# The lowest real-time priority already comes before every ordinary process (sched(7)).
_PRIORITY = 1


def come_first(*, for_good: bool = False) -> bool:
    """Of the calling thread: whether it was granted; mostly only root may ask. What it starts is
    ordinary again, unless `for_good`."""
    if sys.platform != "linux":
        return False
    try:
        first = os.sched_param(_PRIORITY)
        policy = os.SCHED_FIFO if for_good else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, first)
    except OSError:
        return False
    return True


def can_come_first() -> bool:
    """Whether `come_first` would be granted; the calling thread stays as it is."""
    # One that asks, and ends: who may come first need not be allowed to take that back.
    with ThreadPoolExecutor(1) as asking:
        return asking.submit(come_first).result()

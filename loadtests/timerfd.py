"""Linux's timer as a file descriptor (timerfd_create(2)): exact to some tens of microseconds.

An event loop's own time-outs are not: epoll_wait(2) counts whole milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import time

_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_TIMER_ABSTIME = 1
_NS_PER_S = 1_000_000_000


class Timerfd:
    """Becomes readable once, at or after the time it was last set to, on the monotonic clock."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_NONBLOCK))
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        """-1 once closed."""
        return self._fd

    def set(self, when_ns: int) -> None:
        seconds, nanoseconds = divmod(max(when_ns, 1), _NS_PER_S)
        setting = struct.pack("qqqq", 0, 0, seconds, nanoseconds)
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, setting, None)

    def has_rung(self) -> bool:
        """Whether its time came; makes it unreadable until it is set again."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self._fd, 8))
        return False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

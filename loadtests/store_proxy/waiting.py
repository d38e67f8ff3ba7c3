"""Waits for sockets, and for a moment, whichever comes first."""

from __future__ import annotations

import selectors
import sys
import time
from collections.abc import Callable
from selectors import EVENT_READ
from typing import Any

from loadtests.timerfd import Timerfd

_NS_PER_S = 1_000_000_000

# Told which of EVENT_READ and EVENT_WRITE is possible.
Ready = Callable[[int], None]


class Waiter:
    """Calls back whoever watches a file descriptor; exact to tens of microseconds on Linux."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timer: Timerfd | None = None
        if sys.platform == "linux":
            self._timer = Timerfd()
            self._selector.register(self._timer, EVENT_READ, self._rang)
        self._set_to_ns = 0

    def watch(self, file: Any, events: int, ready: Ready) -> None:
        """From now on for `events` alone; 0 for none."""
        known = file in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(file)
        elif known:
            self._selector.modify(file, events, ready)
        else:
            self._selector.register(file, events, ready)

    def wait(self, until_ns: int | None) -> None:
        """Returns at `until_ns`, or once those were called that had something; None: no limit."""
        for key, events in self._selector.select(self._timeout_s(until_ns)):
            key.data(events)

    def close(self) -> None:
        self._selector.close()
        if self._timer is not None:
            self._timer.close()

    def _timeout_s(self, until_ns: int | None) -> float | None:
        if until_ns is None:
            return None
        left_ns = until_ns - time.monotonic_ns()
        if left_ns <= 0:
            return 0.0
        if self._timer is None:
            return left_ns / _NS_PER_S
        if until_ns != self._set_to_ns:
            self._timer.set(until_ns)
            self._set_to_ns = until_ns
        return None

    def _rang(self, _events: int) -> None:
        assert self._timer is not None
        self._timer.has_rung()
        self._set_to_ns = 0

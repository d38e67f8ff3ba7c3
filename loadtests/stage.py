"""Where users wait for their turn: one slice at a time, closed or open.

Everything runs on one thread of greenlets, so plain attributes are enough.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gevent import get_hub, getcurrent
from gevent.event import Event

from loadtests.client import WATCHDOG_PERIOD_S
from loadtests.recorder import Stamp

_monotonic_ns = time.monotonic_ns
# A time-out is noticed at the watchdog's next look but one at the latest.
ABORTED_WITHIN_S = 2 * WATCHDOG_PERIOD_S

Drive = Callable[[Any, int], None]


class Stage:
    """`drive(user, due_ns)` is what a user does with a due time; it differs by slice."""

    def __init__(self) -> None:
        self.drive: Drive = _nothing
        self.stamps: list[Stamp] = []
        self.pool_exhausted = 0
        self.quiet = Event()
        self._idle: deque[Any] = deque()
        self._backlog: deque[int] = deque()
        self._busy = 0
        self._closed_until_ns = 0
        self._loop: Any = get_hub().loop

    @property
    def waiting(self) -> int:
        """How many users stand idle."""
        return len(self._idle)

    @property
    def unanswered(self) -> int:
        """Due requests without an outcome so far: those under way and those that wait."""
        return self._busy + len(self._backlog)

    def attend(self, user: Any) -> None:
        """A user's whole life: wait, act on due times, wait again. Ends when it is killed."""
        hub = get_hub()
        greenlet = getcurrent()
        while True:
            self._idle.append(greenlet)
            try:
                due_ns = hub.switch()
            except BaseException:
                self._forget(greenlet)
                raise
            try:
                while due_ns:
                    self.drive(user, due_ns)
                    due_ns = self._next_due_ns()
            finally:
                self._left()

    def open(self, drive: Drive) -> None:
        """A new slice: what came before is forgotten (in place: visitors append to the list)."""
        self.drive = drive
        self.stamps.clear()
        self.pool_exhausted = 0
        self._backlog.clear()
        self.quiet.clear()

    def run_closed(self, users: int, until_ns: int) -> None:
        """Sets `users` going, back to back, until `until_ns`."""
        self._closed_until_ns = until_ns
        for _ in range(min(users, len(self._idle))):
            self._busy += 1
            self._loop.run_callback(self._idle.popleft().switch, _monotonic_ns())

    def hand_out(self, due_ns: int) -> None:
        """Gives a due time to the user idle longest; with none idle it waits, and is counted."""
        if self._idle:
            self._busy += 1
            self._idle.popleft().switch(due_ns)
        else:
            self.pool_exhausted += 1
            self._backlog.append(due_ns)

    def drain(self, timeout_s: float) -> int:
        """Waits until every user is idle; returns how many due requests have no outcome.

        What is still queued after `timeout_s` is not sent any more; what was sent last has a
        time-out of its own to end in.
        """
        self._await_quiet(timeout_s)
        never_sent = self.give_up()
        self._await_quiet(timeout_s + ABORTED_WITHIN_S)
        return never_sent + self._busy

    def give_up(self) -> int:
        """Forgets the due requests that wait for a user; returns how many."""
        never_sent = len(self._backlog)
        self._backlog.clear()
        return never_sent

    def _await_quiet(self, timeout_s: float) -> None:
        if self._busy:
            self.quiet.clear()
            self.quiet.wait(timeout_s)

    def _next_due_ns(self) -> int:
        if self._backlog:
            return self._backlog.popleft()
        now_ns = _monotonic_ns()
        if now_ns >= self._closed_until_ns:
            return 0
        # Since its answer was in, the user may have waited for its turn. Its stamp is the last one.
        return self.stamps[-1].done_ns if self.stamps else now_ns

    def _left(self) -> None:
        self._busy -= 1
        if not self._busy:
            self.quiet.set()

    def _forget(self, greenlet: Any) -> None:
        if greenlet in self._idle:
            self._idle.remove(greenlet)


def _nothing(_user: Any, _due_ns: int) -> None:
    return

"""Wakes at exact times and hands due times to idle users.

`gevent.sleep` rounds up to whole milliseconds (epoll's unit), so on Linux the clock is a timerfd
that the event loop watches like a socket.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gevent import get_hub, getcurrent
from gevent.event import Event

from loadtests.timerfd import Timerfd

_READ = 1
_NS_PER_S = 1_000_000_000


class Alarm(Protocol):
    """Calls back once, in the hub, at or after an absolute time on the monotonic clock."""

    def at(self, when_ns: int, callback: Callable[[], None]) -> None: ...
    def close(self) -> None: ...


class TimerfdAlarm:
    """Linux: exact to some tens of microseconds."""

    def __init__(self) -> None:
        self._timer = Timerfd()
        self._callback: Callable[[], None] | None = None
        self._watcher: Any = get_hub().loop.io(self._timer.fileno(), _READ)
        self._watcher.start(self._ring)

    def at(self, when_ns: int, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._timer.set(when_ns)

    def close(self) -> None:
        if self._timer.fileno() >= 0:
            self._watcher.stop()
            self._watcher.close()
            self._timer.close()

    def _ring(self) -> None:
        if not self._timer.has_rung():
            return
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class LoopAlarm:
    """Elsewhere: the event loop's own timers, as coarse as they are."""

    def __init__(self) -> None:
        self._timer: Any = None

    def at(self, when_ns: int, callback: Callable[[], None]) -> None:
        self.close()
        wait_s = max(0.0, (when_ns - time.monotonic_ns()) / _NS_PER_S)
        self._timer = get_hub().loop.timer(wait_s)
        self._timer.start(callback, update=True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None


def new_alarm() -> Alarm:
    return TimerfdAlarm() if sys.platform == "linux" else LoopAlarm()


def wait_until(alarm: Alarm, when_ns: int) -> None:
    """Parks the current greenlet until `when_ns`; returns at once when that has passed."""
    if when_ns <= time.monotonic_ns():
        return
    alarm.at(when_ns, getcurrent().switch)
    get_hub().switch()


class Dispatcher:
    """Hands each due time to `hand_out` when it comes, in the hub, without a greenlet of its own.

    `hand_out` must return soon; handing to a parked user means switching to its greenlet, which
    comes back as soon as the user waits for its answer. `all_out` is set while none is left.
    """

    def __init__(self, alarm: Alarm, hand_out: Callable[[int], None]) -> None:
        self._alarm = alarm
        self._hand_out = hand_out
        self._dues_ns: Sequence[int] = ()
        self._next = 0
        self.all_out = Event()
        self.all_out.set()

    def start(self, dues_ns: Sequence[int]) -> None:
        self._dues_ns, self._next = dues_ns, 0
        self.all_out.clear()
        self._arm()

    def stop(self, at_ns: int) -> None:
        """No due time after `at_ns` is handed out; those up to it still are (see `all_out`)."""
        last = bisect_right(self._dues_ns, at_ns)
        self._dues_ns = self._dues_ns[: max(last, self._next)]
        if self._next == len(self._dues_ns):
            self.all_out.set()

    def due_ns(self, back: int) -> int:
        """When the request fell due that is `back` behind the next one; at least 1 back, and no
        more than were handed out."""
        return self._dues_ns[max(0, self._next - back)]

    def _arm(self) -> None:
        if self._next < len(self._dues_ns):
            self._alarm.at(self._dues_ns[self._next], self._on_time)
        else:
            self.all_out.set()

    def _on_time(self) -> None:
        dues_ns = self._dues_ns
        while self._next < len(dues_ns) and dues_ns[self._next] <= time.monotonic_ns():
            due_ns = dues_ns[self._next]
            self._next += 1
            self._hand_out(due_ns)
        self._arm()

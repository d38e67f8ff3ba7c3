"""Ends a process when its starter does: by a pipe that only the starter holds open."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from gevent import get_hub

_READ = 1


class Lifeline:
    """Watches stdin for as long as it is referenced; at end of file it calls `end`, which exits at
    once, status 1, unless given.

    Servers and stores that this process started watch pipes of their own, so they follow.
    """

    def __init__(self, end: Callable[[], None] | None = None) -> None:
        self._end = end or partial(os._exit, 1)
        self._watcher: Any = get_hub().loop.io(sys.stdin.fileno(), _READ)
        self._watcher.start(self._look)

    def _look(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._end()


def end_group() -> None:
    """Ends this process and what it forked, also what is stopped and can watch nothing."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def hold_forks(closed_fds: tuple[int, ...] = ()) -> None:
    """Whatever this process forks from now on exits, status 1, as soon as this process is gone.

    They inherit the one end of a pipe and watch it, from their first turn of the event loop on;
    the other end stays here alone. `closed_fds` are of no use to them and are closed.
    """
    read_fd, write_fd = os.pipe()
    watchers: list[Any] = []

    def watch() -> None:
        for each in (write_fd, *closed_fds):
            os.close(each)
        watchers.append(get_hub().loop.io(read_fd, _READ))
        watchers[-1].start(os._exit, 1)

    os.register_at_fork(after_in_child=watch)

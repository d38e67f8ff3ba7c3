"""Ends the process when its starter does: a pipe on stdin that only the starter holds open."""

from __future__ import annotations

import os
import sys
from typing import Any

from gevent import get_hub

_READ = 1


class Lifeline:
    """Watches stdin for as long as it is referenced; end of file exits at once, status 1.

    Servers and stores that this process started watch pipes of their own, so they follow.
    """

    def __init__(self) -> None:
        self._watcher: Any = get_hub().loop.io(sys.stdin.fileno(), _READ)
        self._watcher.start(self._look)

    def _look(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            os._exit(1)

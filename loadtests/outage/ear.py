"""Hears what the runner says on stdin, a line at a time, while greenlets run.

At end of file the runner is gone, and this process ends at once, as with a `Lifeline`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gevent import get_hub
from gevent.queue import Queue

from loadtests.outage.cues import Cue, parse_cue

_READ = 1


class Ear:
    """Listens for as long as it is referenced."""

    def __init__(self) -> None:
        self._cues: Queue[Cue] = Queue()
        self._pending = b""
        self._watcher: Any = get_hub().loop.io(sys.stdin.fileno(), _READ)
        self._watcher.start(self._listen)

    def next_cue(self) -> Cue:
        return self._cues.get()

    def _listen(self) -> None:
        data = os.read(sys.stdin.fileno(), 1 << 20)
        if not data:
            os._exit(1)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._cues.put(parse_cue(line))

"""One direction of a connection: what arrives at one end leaves at the other, when it is due."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE

from loadtests.store_proxy.waiting import Waiter

_CHUNK_BYTES = 65_536
# SO_LINGER on, 0 s: close() sends a reset (socket(7)).
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Chunk:
    """What one read gave: bytes, or none where the end was closed (`is_torn`: by a reset).

    `held_ns` is known once it has left. `answers`: of a reply, the request it is the answer to.
    """

    data: bytes
    received_ns: int
    due_ns: int
    is_torn: bool = False
    held_ns: int = 0
    answers: Chunk | None = None


class End:
    """A socket and what is waited for there; what cannot leave stops what would arrive."""

    def __init__(self, sock: socket.socket, waiter: Waiter) -> None:
        self.sock = sock
        self._waiter = waiter
        self.on_readable: Callable[[], None]
        self.on_writable: Callable[[], None]
        self._waits_for = 0

    def wait_for(self, event: int, *, wanted: bool) -> None:
        waits_for = self._waits_for | event if wanted else self._waits_for & ~event
        if waits_for != self._waits_for:
            self._waits_for = waits_for
            self._waiter.watch(self.sock, waits_for, self._ready)

    def close(self, *, torn: bool = False) -> None:
        """Once or again; `torn`: by a reset, else in order."""
        if self.sock.fileno() < 0:
            return
        if torn:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._waits_for = 0
        self._waiter.watch(self.sock, 0, self._ready)
        self.sock.close()

    def _ready(self, events: int) -> None:
        # Whatever came before in the same wait may have closed it.
        if events & self._waits_for & EVENT_WRITE:
            self.on_writable()
        if events & self._waits_for & EVENT_READ:
            self.on_readable()


class Lane:
    """From `source` to `sink`. Nothing overtakes; each chunk waits for its own delay alone.

    `receive` is told of each chunk and says whether it goes on, `forwarded` of each that left;
    `schedule` is asked for a call of `deliver` at the lane's next due time.
    """

    def __init__(
        self,
        source: End,
        sink: End,
        delay_ns: Callable[[], int],
        receive: Callable[[Chunk], bool],
        forwarded: Callable[[Chunk], None],
        schedule: Callable[[int, Lane], None],
    ) -> None:
        self._source = source
        self._sink = sink
        self._delay_ns = delay_ns
        self._receive = receive
        self._forwarded = forwarded
        self._schedule = schedule
        self._held: deque[Chunk] = deque()
        self._unsent = b""
        self.is_blocked = False
        source.on_readable = self.read
        sink.on_writable = self.go_on

    def read(self) -> None:
        data, is_torn = b"", False
        try:
            data = self._source.sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            is_torn = True
        now_ns = time.monotonic_ns()
        due_ns = now_ns + self._delay_ns()
        if self._held:
            due_ns = max(due_ns, self._held[-1].due_ns)
        if not data:
            self._source.wait_for(EVENT_READ, wanted=False)
        chunk = Chunk(data, now_ns, due_ns, is_torn)
        if not self._receive(chunk):
            return
        self._held.append(chunk)
        if due_ns <= now_ns:
            self.deliver(now_ns)
        elif len(self._held) == 1:
            self._schedule(due_ns, self)

    def deliver(self, now_ns: int) -> None:
        """Sends what is due, and has itself called again for what is not."""
        while self._held and not self.is_blocked and self._held[0].due_ns <= now_ns:
            chunk = self._held.popleft()
            self._send(chunk.data)
            chunk.held_ns = time.monotonic_ns() - chunk.received_ns
            self._forwarded(chunk)
        if self._held and not self.is_blocked:
            self._schedule(self._held[0].due_ns, self)

    def block(self) -> None:
        """Until `go_on`: nothing more arrives that could not leave."""
        self.is_blocked = True
        self._sink.wait_for(EVENT_WRITE, wanted=True)
        self._source.wait_for(EVENT_READ, wanted=False)

    def go_on(self) -> None:
        self.is_blocked = False
        self._sink.wait_for(EVENT_WRITE, wanted=False)
        self._source.wait_for(EVENT_READ, wanted=True)
        unsent, self._unsent = self._unsent, b""
        self._send(unsent)
        self.deliver(time.monotonic_ns())

    def lose(self) -> None:
        """Forgets what is under way."""
        self._held.clear()
        self._unsent = b""

    def _send(self, data: bytes) -> None:
        if not data:
            return
        try:
            sent = self._sink.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The other lane reads from the same end, and hears of it there.
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self.block()

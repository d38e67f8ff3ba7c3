"""The proxy itself: one thread that waits for bytes, for due times and for what it is told."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import time
from selectors import EVENT_READ
from typing import Any

from loadtests.store_proxy.lane import Lane
from loadtests.store_proxy.link import Link, Rules
from loadtests.store_proxy.waiting import Waiter

HOST = "127.0.0.1"
_BACKLOG = 1024
_NS_PER_S = 1_000_000_000

Address = tuple[Any, ...]


class Relay:
    """Listens on a port of its own and passes on to the store at `address` (of `family`)."""

    def __init__(
        self, family: int, address: Address, watched: tuple[bytes, ...], waiter: Waiter
    ) -> None:
        self._family = family
        self._address = address
        self._waiter = waiter
        self._rules = Rules(watched)
        self._links: set[Link] = set()
        self._due: list[tuple[int, int, Lane]] = []
        self._numbers = itertools.count()
        self._delay_s = 0.0
        self._listening: socket.socket | None = None
        self.port = 0
        self._listen()

    def turn(self) -> None:
        """Waits for the next thing to do, and does it."""
        self._waiter.wait(self._due[0][0] if self._due else None)
        now_ns = time.monotonic_ns()
        while self._due and self._due[0][0] <= now_ns:
            heapq.heappop(self._due)[2].deliver(now_ns)

    def set_delay(self, seconds: float) -> None:
        self._delay_s = seconds
        # Rounded up: a round trip is never shorter than was asked.
        self._rules.one_way_ns = -(-round(seconds * _NS_PER_S) // 2)

    def reset(self) -> None:
        for link in tuple(self._links):
            link.close(torn=True)

    def swallow(self, containing: list[str] | None) -> None:
        words = None if containing is None else frozenset(word.encode() for word in containing)
        self._rules.swallows = True
        self._rules.containing = words
        for link in self._links:
            link.obey()

    def refuse(self) -> None:
        if self._listening is not None:
            self._waiter.watch(self._listening, 0, self._accept)
            self._listening.close()
            self._listening = None
        self.reset()

    def restore(self) -> None:
        self._rules.swallows = False
        for link in [link for link in self._links if link.is_swallowed]:
            link.close(torn=False)
        if self._listening is None:
            self._listen()

    def added_delay(self) -> dict[str, float | int | None]:
        """The fields of `AddedDelay`, since this was last asked."""
        told = self._rules.tally.take(self._delay_s)
        return {name: getattr(told, name) for name in told.__slots__}

    def close(self) -> None:
        self.refuse()

    def _listen(self) -> None:
        self._listening = socket.create_server((HOST, self.port), backlog=_BACKLOG)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._waiter.watch(self._listening, EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        assert self._listening is not None
        try:
            client, _ = self._listening.accept()
        except OSError:
            # It went away while it waited to be let in.
            return
        store = socket.socket(self._family, socket.SOCK_STREAM)
        for sock in (client, store):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Where it fails, the first look at the socket says so.
        with contextlib.suppress(OSError):
            store.connect_ex(self._address)
        link = Link(client, store, self._waiter, self._rules, self._schedule, self._links.discard)
        self._links.add(link)

    def _schedule(self, due_ns: int, lane: Lane) -> None:
        heapq.heappush(self._due, (due_ns, next(self._numbers), lane))

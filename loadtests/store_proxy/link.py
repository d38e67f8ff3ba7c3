"""One client's connection and its twin at the store, with the two lanes between them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from selectors import EVENT_READ

from loadtests.store_proxy.added import Tally
from loadtests.store_proxy.lane import Chunk, End, Lane
from loadtests.store_proxy.waiting import Waiter


@dataclass(slots=True)
class Rules:
    """What holds at the moment, of every link. `one_way_ns`: half of a round trip's delay.

    `swallows`: connections that ever sent one of `containing` lose what they carry; None: all do.
    """

    watched: tuple[bytes, ...]
    one_way_ns: int = 0
    swallows: bool = False
    containing: frozenset[bytes] | None = None
    tally: Tally = field(default_factory=Tally)

    def swallow(self, ever_sent: set[bytes]) -> bool:
        """Whether a connection that ever sent those of the watched words loses its bytes now."""
        return self.swallows and (self.containing is None or bool(self.containing & ever_sent))


class Link:
    """Passes bytes both ways. `on_end` is told once, when both ends are closed."""

    def __init__(
        self,
        client: socket.socket,
        store: socket.socket,
        waiter: Waiter,
        rules: Rules,
        schedule: Callable[[int, Lane], None],
        on_end: Callable[[Link], None],
    ) -> None:
        self._rules = rules
        self._on_end = on_end
        self._client = End(client, waiter)
        self._store = End(store, waiter)
        self._ever_sent: set[bytes] = set()
        self._tail = b""
        self._longest_word = max(map(len, rules.watched), default=1)
        self._unanswered: Chunk | None = None
        self.is_swallowed = False
        self._requests = Lane(
            self._client, self._store, self._delay_ns, self._asked, self._sent_on, schedule
        )
        self._replies = Lane(
            self._store, self._client, self._delay_ns, self._answered, self._sent_back, schedule
        )
        self._store.wait_for(EVENT_READ, wanted=True)
        # The store's end is being connected; it can be written to once it is. The client is read
        # all the same: where a store is frozen it hangs up long before, and asks anew.
        self._is_connected = False
        self._requests.block()
        self._store.on_writable = self._connected
        self._client.wait_for(EVENT_READ, wanted=True)
        self.obey()

    def obey(self) -> None:
        """Loses what it carries, from now until it is closed, if the rules say so."""
        if not self.is_swallowed and self._rules.swallow(self._ever_sent):
            self.is_swallowed = True
            for lane in (self._requests, self._replies):
                lane.lose()

    def close(self, *, torn: bool) -> None:
        """`torn`: by a reset, else in order."""
        for lane in (self._requests, self._replies):
            lane.lose()
        for end in (self._client, self._store):
            end.close(torn=torn)
        self._on_end(self)

    def _delay_ns(self) -> int:
        return self._rules.one_way_ns

    def _connected(self) -> None:
        self._is_connected = True
        self._store.on_writable = self._requests.go_on
        self._requests.go_on()

    def _asked(self, chunk: Chunk) -> bool:
        if not chunk.data and not self._is_connected:
            self.close(torn=True)
            return False
        if not chunk.data and self.is_swallowed:
            # The store does not hear of it, but nobody is there any more.
            self._client.close()
            return False
        recent = self._tail + chunk.data
        self._ever_sent.update(word for word in self._rules.watched if word in recent)
        self._tail = recent[-self._longest_word :]
        self.obey()
        return not self.is_swallowed

    def _answered(self, chunk: Chunk) -> bool:
        chunk.answers, self._unanswered = self._unanswered, None
        return not self.is_swallowed

    def _sent_on(self, chunk: Chunk) -> None:
        if chunk.data:
            self._unanswered = chunk
        else:
            self.close(torn=chunk.is_torn)

    def _sent_back(self, chunk: Chunk) -> None:
        if not chunk.data:
            self.close(torn=chunk.is_torn)
        elif chunk.answers is not None:
            trip_ns = chunk.received_ns + chunk.held_ns - chunk.answers.received_ns
            self._rules.tally.count(chunk.held_ns + chunk.answers.held_ns, trip_ns)

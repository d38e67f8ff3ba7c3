"""The store says which keys changed, over one connection of its own: client tracking.

https://valkey.io/topics/client-side-caching/, in broadcast mode over protocol 2. One connection
redirects to itself: of two, losing the tracking one would leave the listening one alive and
silent. It cannot lose tracking while it lives, as a subscribed connection may not send CLIENT.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import Protocol

from redis.exceptions import ConnectionError as LostConnection

from servers.strategies._follower import Connection, Follower, ask
from servers.strategies._redis import Store

_CHANNEL = "__redis__:invalidate"
_PINGS_WITHIN_BOUND = 4


class Listener(Protocol):
    """Who is told; both must be quick."""

    def keys_changed(self, keys: list[bytes]) -> None: ...

    def all_changed(self) -> None:
        """Anything may have changed: what was heard so far is worth nothing."""
        ...


class Tracking(Follower):
    """Follows the keys that start with `prefix`; it has started once it was proven.

    Every change acknowledged before `proof_s` (monotonic; -inf without a connection) was told to
    the listener. That is the sending time of the last PING answered: its PONG comes behind the
    changes that were acknowledged before it was sent. A connection that answers none within
    `staleness_s` counts as lost, though its socket may live.
    """

    def __init__(
        self, store: Store, prefix: str, staleness_s: float, deadline_s: float, listener: Listener
    ) -> None:
        super().__init__(store, deadline_s)
        self._prefix = prefix
        self._staleness_s = staleness_s
        self._listener = listener
        self._unanswered: deque[float] = deque()
        self.proof_s = -math.inf
        self.invalidations = 0
        self.flushes = 0

    async def _begin(self, connection: Connection) -> None:
        own_id = await ask(connection, "CLIENT", "ID")
        await ask(
            connection,
            *("CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", "PREFIX", self._prefix),
        )
        # Last: in protocol 2 the store tells a connection nothing until it is subscribed.
        await ask(connection, "SUBSCRIBE", _CHANNEL)

    async def _follow(self, connection: Connection) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ping(connection))
                await self._read(connection)
        finally:
            self.proof_s = -math.inf
            self._unanswered.clear()
            self._listener.all_changed()

    async def _ping(self, connection: Connection) -> None:
        while True:
            self._unanswered.append(time.monotonic())
            await connection.send_command("PING")
            await asyncio.sleep(self._staleness_s / _PINGS_WITHIN_BOUND)
            if self._unanswered and time.monotonic() - self._unanswered[0] > self._staleness_s:
                raise LostConnection(f"no PONG within {self._staleness_s:g} s")

    async def _read(self, connection: Connection) -> None:
        while True:
            match await connection.read_response(timeout=math.inf):
                case [b"pong", _]:
                    self._prove()
                case [b"message", _, list(keys)]:
                    self.invalidations += len(keys)
                    self._listener.keys_changed(keys)
                case None:
                    raise LostConnection("the socket timed out")
                case _:
                    # A flush; or a text that anybody may publish there, and nobody understands.
                    self.flushes += 1
                    self._listener.all_changed()

    def _prove(self) -> None:
        if self._unanswered:
            self.proof_s = self._unanswered.popleft()
            self.started.set()

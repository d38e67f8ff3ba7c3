"""Listens to revocations on a channel: what is published while nobody listens is lost."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from redis.exceptions import ConnectionError as LostConnection

from servers.strategies._follower import Connection, Follower, ask
from servers.strategies._redis import Store
from servers.strategies._revocation_view import Change, RevocationView


class RevocationChannel(Follower):
    """Feeds `view` with what it hears; it knows of nothing that it missed."""

    def __init__(self, store: Store, base: str, deadline_s: float, view: RevocationView) -> None:
        super().__init__(store, deadline_s)
        self._channel = f"{base}channel"
        self._view = view

    async def _begin(self, connection: Connection) -> None:
        await ask(connection, "SUBSCRIBE", self._channel)
        self.started.set()

    async def _follow(self, connection: Connection) -> None:
        while True:
            match await connection.read_response(timeout=math.inf):
                case [b"message", _, bytes(text)]:
                    # Anybody may publish there.
                    with suppress(ValueError):
                        self._view.apply(Change.parse(text), made_s=time.time())
                case None:
                    raise LostConnection("the socket timed out")
                case _:
                    pass

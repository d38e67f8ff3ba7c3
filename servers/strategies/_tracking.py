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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import RedisError

from servers.settings import Settings, SettingsError
from servers.strategies._redis import START_DEADLINE_S, Store, without_password

_CHANNEL = "__redis__:invalidate"
_RECONNECT_PAUSE_S = 0.05
_PINGS_WITHIN_BOUND = 4


class Listener(Protocol):
    """Who is told; both must be quick."""

    def keys_changed(self, keys: list[bytes]) -> None: ...

    def all_changed(self) -> None:
        """Anything may have changed: what was heard so far is worth nothing."""
        ...


class _Connection(Protocol):
    """What is used of a redis-py connection, which is typed in part only."""

    async def connect(self) -> None: ...

    async def send_command(self, *command: Any) -> None: ...

    async def read_response(self, *, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109

    async def disconnect(self, nowait: bool) -> None: ...


class Tracking:
    """Follows the keys that start with `prefix`, over new connections for as long as it runs.

    Every change acknowledged before `proof_s` (monotonic; -inf without a connection) was told to
    the listener. That is the sending time of the last PING answered: its PONG comes behind the
    changes that were acknowledged before it was sent. A connection that answers none within
    `staleness_s` counts as lost, though its socket may live.
    """

    def __init__(
        self, store: Store, prefix: str, staleness_s: float, deadline_s: float, listener: Listener
    ) -> None:
        self._new_connection: Callable[[], _Connection] = (
            store.client.connection_pool.make_connection
        )
        self._prefix = prefix
        self._staleness_s = staleness_s
        self._deadline_s = deadline_s
        self._listener = listener
        self._unanswered: deque[float] = deque()
        self._proven = asyncio.Event()
        self.proof_s = -math.inf
        self.trouble = "no answer"
        self.invalidations = 0
        self.flushes = 0
        self.lost_connections = 0

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except* (RedisError, OSError) as errors:
                self.trouble = _first_line(errors)
                self.lost_connections += 1
            await asyncio.sleep(_RECONNECT_PAUSE_S)

    async def proven(self) -> None:
        """Returns once the first connection is known to work."""
        await self._proven.wait()

    async def _follow(self) -> None:
        connection = self._new_connection()
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._subscribe(connection)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ping(connection))
                await self._read(connection)
        finally:
            self.proof_s = -math.inf
            self._unanswered.clear()
            self._listener.all_changed()
            await connection.disconnect(nowait=True)

    async def _subscribe(self, connection: _Connection) -> None:
        await connection.connect()
        own_id = await _ask(connection, "CLIENT", "ID")
        await _ask(
            connection,
            *("CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", "PREFIX", self._prefix),
        )
        # Last: in protocol 2 the store tells a connection nothing until it is subscribed.
        await _ask(connection, "SUBSCRIBE", _CHANNEL)

    async def _ping(self, connection: _Connection) -> None:
        while True:
            self._unanswered.append(time.monotonic())
            await connection.send_command("PING")
            await asyncio.sleep(self._staleness_s / _PINGS_WITHIN_BOUND)
            if self._unanswered and time.monotonic() - self._unanswered[0] > self._staleness_s:
                raise LostConnection(f"no PONG within {self._staleness_s:g} s")

    async def _read(self, connection: _Connection) -> None:
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
            self._proven.set()


@asynccontextmanager
async def running(tracking: Tracking, settings: Settings) -> AsyncIterator[None]:
    """Raises SettingsError, one line, where the store does not track at start."""
    task = asyncio.create_task(tracking.run())
    try:
        await _started(tracking, settings)
        yield
    finally:
        await _end(task)


async def _end(task: asyncio.Task[None]) -> None:
    """A TaskGroup swallows a cancellation that meets a lost connection, so once may not do."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_RECONNECT_PAUSE_S)
    if not task.cancelled():
        task.result()


async def _started(tracking: Tracking, settings: Settings) -> None:
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            await tracking.proven()
    except TimeoutError:
        url = without_password(settings.store)
        raise SettingsError(f"--store {url}: CLIENT TRACKING: {tracking.trouble}") from None


async def _ask(connection: _Connection, *command: Any) -> Any:
    await connection.send_command(*command)
    return await connection.read_response()


def _first_line(errors: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__

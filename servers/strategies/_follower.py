"""A connection of its own, followed for as long as a server runs: what the store tells unasked."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from redis.exceptions import RedisError

from servers.settings import Settings, SettingsError
from servers.strategies._redis import START_DEADLINE_S, Store, is_lost, without_password

_RECONNECT_PAUSE_S = 0.05


class Connection(Protocol):
    """What is used of a redis-py connection, which is typed in part only."""

    async def connect(self) -> None: ...

    async def send_command(self, *command: Any) -> None: ...

    async def read_response(self, *, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109

    async def disconnect(self, nowait: bool) -> None: ...


class Follower(ABC):
    """Connects, begins and follows, over again; a subclass says how, and when it `started`.

    Each raises what `is_lost` knows (RedisError, OSError, …) for a connection that is no good.
    """

    def __init__(self, store: Store, deadline_s: float) -> None:
        self._new_connection: Callable[[], Connection] = (
            store.client.connection_pool.make_connection
        )
        self._deadline_s = deadline_s
        self._trouble = "no answer"
        self.started = asyncio.Event()
        self.lost_connections = 0

    @abstractmethod
    async def _begin(self, connection: Connection) -> None:
        """Asks to be told, within the store's deadline."""

    @abstractmethod
    async def _follow(self, connection: Connection) -> None:
        """Reads what it is told; returns never."""

    async def run(self) -> None:
        while True:
            try:
                await self._over_one_connection()
            except* (RedisError, OSError, RuntimeError) as errors:
                if errors.split(is_lost)[1] is not None:
                    raise
                self._trouble = _first_line(errors)
                self.lost_connections += 1
            await asyncio.sleep(_RECONNECT_PAUSE_S)

    async def _over_one_connection(self) -> None:
        connection = self._new_connection()
        try:
            async with asyncio.timeout(self._deadline_s):
                await connection.connect()
                await self._begin(connection)
            await self._follow(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def has_started(self, settings: Settings, by: str) -> None:
        """Raises SettingsError, one line that names the command `by`."""
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await self.started.wait()
        except TimeoutError:
            url = without_password(settings.store)
            raise SettingsError(f"--store {url}: {by}: {self._trouble}") from None


@asynccontextmanager
async def following(follower: Follower, settings: Settings, by: str) -> AsyncIterator[None]:
    """Raises SettingsError where the store does not let it begin; `by` is the command for that."""
    task = asyncio.create_task(follower.run())
    try:
        await follower.has_started(settings, by)
        yield
    finally:
        await _end(task)


async def ask(connection: Connection, *command: Any) -> Any:
    """For as long as it takes; a caller sets the deadline."""
    await connection.send_command(*command)
    return await connection.read_response(timeout=math.inf)


async def _end(task: asyncio.Task[None]) -> None:
    """A TaskGroup swallows a cancellation that meets a lost connection, so once may not do."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_RECONNECT_PAUSE_S)
    if not task.cancelled():
        task.result()


def _first_line(errors: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__

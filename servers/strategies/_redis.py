"""The one way strategies talk to Redis or Valkey: fail soon, never retry, never hang."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from servers.settings import Settings, SettingsError
from servers.strategy import StoreUnavailable

Answer = TypeVar("Answer")
P = ParamSpec("P")
Command = Callable[..., Awaitable[Any]]

# Shorter than the 3 s within which a start must fail, longer than a slow name look-up.
START_DEADLINE_S = 2.0
# How much a store with `appendfsync everysec` may have acknowledged since its last fsync: one is
# due every second, and the next waits for up to as long again while one is slow.
EVERYSEC_UNDOES_S = 2.0


class Store:
    """A client, and around each use of it a deadline and a wait for one of its connections.

    Waiting here rather than in redis-py's BlockingConnectionPool saves 15 µs of CPU a command.
    """

    def __init__(self, client: Redis, connections: int, deadline_s: float) -> None:
        self.client = client
        self._free_connections = asyncio.Semaphore(connections)
        self._deadline_s = deadline_s
        self.command: Command = client.execute_command

    async def within_deadline(
        self, command: Callable[P, Awaitable[Answer]], *args: P.args, **kwargs: P.kwargs
    ) -> Answer:
        """Awaits its turn, a connection and the answer for at most the deadline in all.

        A command given up on closes its connection, so that its late answer is read by nobody.
        Raises StoreUnavailable.
        """
        try:
            async with asyncio.timeout(self._deadline_s), self._free_connections:
                return await command(*args, **kwargs)
        except (RedisError, OSError, RuntimeError) as error:  # TimeoutError is an OSError
            if not is_lost(error):
                raise
            raise StoreUnavailable(type(error).__name__) from error


def is_lost(error: BaseException) -> bool:
    """Whether it says that a connection is no good.

    uvloop raises a plain RuntimeError where bytes are written to one that was reset a moment ago,
    before anybody could be told.
    """
    is_closed = isinstance(error, RuntimeError) and "the handler is closed" in str(error)
    return is_closed or isinstance(error, RedisError | OSError)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Raises SettingsError, one line, when the store cannot be used at start."""
    client = _client(settings)
    try:
        await _greet(client, without_password(settings.store))
        yield Store(client, settings.store_connections, settings.store_deadline_s)
    finally:
        await client.aclose()


def _client(settings: Settings) -> Redis:
    try:
        pool = ConnectionPool.from_url(
            settings.store or "",
            max_connections=settings.store_connections,
            socket_connect_timeout=settings.store_timeout_s,
            # Bounded by the deadline instead: redis-py starts a task for every timed write.
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError as error:
        raise SettingsError(f"--store {without_password(settings.store)}: {error}") from None
    pool.connection_class = wary(pool.connection_class)
    return Redis.from_pool(pool)


class _Wary(AbstractConnection):
    """Tells the pool of a reset, so that a connection that lay idle then is not handed out.

    redis-py looks for the orderly end of a stream only: after a reset the next command over each
    of them would fail, long after the store is back.
    """

    async def can_read(self) -> bool:
        if self._reader is not None and self._reader.exception() is not None:
            return True
        return await super().can_read()


def wary(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """The same kind of connection (TCP, TLS, a socket file), but wary."""
    return type(f"Wary{kind.__name__}", (_Wary, kind), {})


async def _greet(client: Redis, url: str) -> None:
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            memory: dict[str, Any] = await client.info("memory")
    except (RedisError, OSError) as error:
        raise SettingsError(f"--store {url}: {_why(error)}") from None
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        raise SettingsError(
            f"--store {url}: maxmemory-policy {policy} may evict logins and revocations; "
            "allowed is noeviction"
        )


def _why(error: Exception) -> str:
    if isinstance(error, AuthenticationError | ResponseError):
        return f"refused: {' '.join(str(error).split())}"
    return f"cannot be reached: {' '.join(str(error).split()) or type(error).__name__}"


def without_password(url: str | None) -> str:
    """`url` fit for a message."""
    return re.sub(r"://[^@/]*@", "://…@", url or "")

"""A session strategy opened in the test's own event loop, and what its tests ask of it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from servers.flags import parse_settings
from servers.strategy import Context, Rejected, load
from servers.users import Directory, User
from tests.servers.processes import eventually

USER = User("user-000001", "member")
TAG = "zjT8"
INDEX = f"t:index:{{{TAG}}}user-000001"
WITHIN_S = 5.0


def key_of(credential: str) -> str:
    """Where the store holds a session of `USER`."""
    assert credential.startswith(TAG)
    return f"t:session:{{{TAG}}}{credential[len(TAG) :]}"


@asynccontextmanager
async def opened(
    name: str, store_url: str, *flags: str, deadline_s: float = WITHIN_S, **options: Any
) -> AsyncIterator[Any]:
    """Strategy `name` under the key prefix `t:`."""
    given = [
        *("--strategy", name, "--store", store_url, "--key-prefix", "t:"),
        *("--store-deadline-s", str(deadline_s), *flags),
    ]
    settings = parse_settings(given, {}, lambda: [name])
    spec = load(name)
    context = Context(settings, spec.options_type(**options), Directory(10))
    async with spec.open_strategy(context) as strategy:
        yield strategy


async def happened(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, WITHIN_S)


async def becomes(holds: Callable[[], bool]) -> None:
    """Polls in another thread, so that the event loop is free."""
    await asyncio.to_thread(eventually, holds, WITHIN_S)


async def later_than(moment_s: float) -> None:
    """Returns when the monotonic clock is past `moment_s`."""
    await becomes(lambda: time.monotonic() > moment_s)


async def last_accepted_s(strategy: Any, credential: str) -> float:
    """Asks until it is refused; when the last accepted request was sent (-inf: none was)."""
    accepted_s = -math.inf
    async with asyncio.timeout(WITHIN_S):
        while True:
            sent_s = time.monotonic()
            try:
                await strategy.verify(credential)
            except Rejected:
                return accepted_s
            accepted_s = sent_s
            await asyncio.sleep(0)


def calls(client: Any) -> dict[str, int]:
    """How often each command was executed since the statistics were reset."""
    return {
        name.removeprefix("cmdstat_"): stats["calls"]
        for name, stats in client.info("commandstats").items()
    }


async def log_in(strategy: Any) -> str:
    """A credential that was looked up, and is remembered where anything is."""
    heard = strategy.counters().get("invalidations")
    credential: str = (await strategy.issue(USER)).credential
    if heard is not None:
        # The login itself is announced too, and would void a look-up that was quicker.
        await becomes(lambda: strategy.counters()["invalidations"] > heard)
    await strategy.verify(credential)
    return credential

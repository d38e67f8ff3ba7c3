"""Server-side sessions, one Redis round trip a request.

login      stores the session under a random 128-bit id and notes the id in the user's index
request    GETEX: reads the session and renews its idle life
logout     deletes it
kick       deletes every session in the user's index, in one script
role       rewritten in every session of the user, in one script
law        at once: bound 0 s
store      one string and one sorted-set member per login; down: 503, back empty: log in again
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._redis import open_store
from servers.strategies._sessions import AT_ONCE, SessionOptions, Sessions, refuse_malformed
from servers.strategy import CarrierName, Context, Identity, Law, Rejected

NATURAL_CARRIER: CarrierName = "cookie"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(SessionOptions):
    """Those of every session."""


def law(_: Options) -> Law:
    return AT_ONCE


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[RedisSessions]:
    async with open_store(context.settings) as store:
        yield RedisSessions(store, context.options, context.settings.key_prefix)


class RedisSessions(Sessions):
    """Every request asks the store."""

    async def verify(self, credential: str) -> Identity:
        refuse_malformed(credential)
        value = await self._store.within_deadline(
            self._store.command, "GETEX", self._key_of(credential), "PX", self._idle_ms
        )
        if value is None:
            raise Rejected("unknown_session")
        return self._identity(credential, value)[0]

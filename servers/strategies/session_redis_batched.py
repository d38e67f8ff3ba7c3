"""Server-side sessions; the look-ups of one turn of the event loop share one Redis round trip.

login      stores the session under a random 128-bit id and notes the id in the user's index
request    joins the batch that is not yet written: one script reads and renews every session in it
logout     deletes it
kick       deletes every session in the user's index, in one script
role       rewritten in every session of the user, in one script
law        at once: bound 0 s, as nobody joins a batch in flight
store      one string and one sorted-set member per login; down: 503, back empty: log in again

A batch holds sessions of many users, so this one cannot use a Redis Cluster.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._batch import Batches, Value
from servers.strategies._redis import Store, open_store
from servers.strategies._session_scripts import LOOK_UP_MANY
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
async def open_strategy(context: Context) -> AsyncIterator[BatchedSessions]:
    async with open_store(context.settings) as store:
        strategy = BatchedSessions(store, context.options, context.settings.key_prefix)
        try:
            yield strategy
        finally:
            strategy.close()


class BatchedSessions(Sessions):
    """Every request asks the store, many at a time."""

    def __init__(self, store: Store, options: SessionOptions, key_prefix: str) -> None:
        super().__init__(store, options, key_prefix)
        self._script = store.client.register_script(LOOK_UP_MANY)
        self._batches = Batches(store, self._look_up)

    async def verify(self, credential: str) -> Identity:
        refuse_malformed(credential)
        value = await self._batches.ask(self._key_of(credential))
        if value is None:
            raise Rejected("unknown_session")
        return self._identity(credential, value)[0]

    def counters(self) -> Mapping[str, int]:
        return {"look_ups": self._batches.asked, "batches": self._batches.written}

    def close(self) -> None:
        self._batches.close()

    async def _look_up(self, keys: list[str]) -> Sequence[Value]:
        values: Sequence[Value] = await self._script(keys=keys, args=[self._idle_ms])
        return values

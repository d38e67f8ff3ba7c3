"""Look-ups of many requests in one round trip.

A key joins a batch only until the batch is written: what is asked after a revocation was
acknowledged must never be answered by a command that may have run before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from servers.strategies._redis import Store
from servers.strategy import StoreUnavailable

# A batch of this many takes the store about 0.3 ms, in which it serves nobody else.
MOST_KEYS = 256

Value: TypeAlias = bytes | None
# Who waits for which key. One future each: whoever is cancelled leaves alone.
_Batch: TypeAlias = dict[str, list[asyncio.Future[Value]]]


class Batches:
    """Asks `store` by `look_up`: keys to their values in the same order, None for a missing one.

    Keys asked for within one turn of the event loop, or while no connection is free, share a
    batch; the same key is asked once.
    """

    def __init__(
        self, store: Store, look_up: Callable[[list[str]], Awaitable[Sequence[Value]]]
    ) -> None:
        self._store = store
        self._look_up = look_up
        self._loop = asyncio.get_running_loop()
        self._unwritten: _Batch | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked = 0
        self.written = 0

    def ask(self, key: str) -> asyncio.Future[Value]:
        """The value of `key` now or later, never before. The future may raise StoreUnavailable."""
        batch = self._unwritten
        if batch is None or len(batch) >= MOST_KEYS:
            batch = self._begin()
        future: asyncio.Future[Value] = self._loop.create_future()
        batch.setdefault(key, []).append(future)
        self.asked += 1
        return future

    def close(self) -> None:
        """Cancels whoever still waits."""
        for task in self._tasks:
            task.cancel()

    def _begin(self) -> _Batch:
        batch: _Batch = {}
        self._unwritten = batch
        task = self._loop.create_task(self._answer(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return batch

    async def _answer(self, batch: _Batch) -> None:
        try:
            values = await self._store.within_deadline(self._write, batch)
            for waiting, value in zip(batch.values(), values, strict=True):
                for future in waiting:
                    if not future.done():
                        future.set_result(value)
        except StoreUnavailable as error:
            for future in _unanswered(batch):
                future.set_exception(StoreUnavailable(*error.args))
        finally:
            self._take_out_of_reach(batch)
            for future in _unanswered(batch):
                future.cancel()

    async def _write(self, batch: _Batch) -> Sequence[Value]:
        self._take_out_of_reach(batch)
        self.written += 1
        return await self._look_up(list(batch))

    def _take_out_of_reach(self, batch: _Batch) -> None:
        if self._unwritten is batch:
            self._unwritten = None


def _unanswered(batch: _Batch) -> list[asyncio.Future[Value]]:
    return [future for waiting in batch.values() for future in waiting if not future.done()]

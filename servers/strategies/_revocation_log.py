"""Follows the log of revocations, a Redis Stream, and can prove how current it is.

The log is the state: a replica reads it from the start, then goes on where it was. It reads it
again from the start, and forgets nothing meanwhile, over another process of the store or where the
log's last id is behind what was read; another generation is another store, and all is forgotten.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as LostConnection

from servers.strategies._follower import Connection, Follower, ask
from servers.strategies._redis import Store
from servers.strategies._revocation_scripts import STATE_OF_LOG
from servers.strategies._revocation_view import Change, RevocationView
from servers.strategies._revocations import new_generation

_START = (0, 0)
# Entries in one reply; a full one means that there may be more.
_MOST_ENTRIES = 1_000
_READS_WITHIN_BOUND = 4
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)


class RevocationLog(Follower):
    """Every change acknowledged before `proof_s` (monotonic; -inf: not even the log's beginning)
    is in `view`.

    That is the sending time of the last XREAD whose reply held all there was; where it waited in
    vain, plus the time it waited: until then nothing was written.
    """

    def __init__(
        self, store: Store, base: str, staleness_s: float, deadline_s: float, view: RevocationView
    ) -> None:
        super().__init__(store, deadline_s)
        self._base = base
        self._block_ms = max(1, int(staleness_s * 1_000 / _READS_WITHIN_BOUND))
        self._view = view
        self._run_id: bytes | None = None
        self._position = _START
        self._is_caught_up = False
        self._proven = asyncio.Event()
        self.proof_s = -math.inf
        self.reloads = 0

    async def wait_for_proof(self, at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await self._proven.wait()

    async def _begin(self, connection: Connection) -> None:
        run_id = await _run_id(connection)
        if self._run_id not in (None, run_id):
            self._reload()
        self._run_id = run_id
        self._is_caught_up = False
        await self._compare(connection)
        self.started.set()

    async def _follow(self, connection: Connection) -> None:
        while True:
            await self._read_on(connection)
            self._view.forget_expired(time.time())
            async with asyncio.timeout(self._deadline_s):
                await self._compare(connection)

    async def _read_on(self, connection: Connection) -> None:
        """Waits for what is new only where all there was is read."""
        wait_s = self._block_ms / 1_000 if self._is_caught_up else 0.0
        sent_s = time.monotonic()
        async with asyncio.timeout(wait_s + self._deadline_s):
            entries = await self._read(connection)
        self._apply(entries)
        self._is_caught_up = len(entries) < _MOST_ENTRIES
        if self._is_caught_up:
            self._prove(sent_s if entries else sent_s + wait_s)

    def _prove(self, proof_s: float) -> None:
        # After a wait in vain the next reading may have been sent a little too early.
        self.proof_s = max(self.proof_s, proof_s)
        self._proven.set()

    async def _read(self, connection: Connection) -> list[tuple[bytes, list[bytes]]]:
        """What was written after the position: ids and fields, oldest first."""
        waiting = ("BLOCK", self._block_ms) if self._is_caught_up else ()
        after = "{}-{}".format(*self._position)
        reply = await ask(
            connection,
            *("XREAD", "COUNT", _MOST_ENTRIES, *waiting, "STREAMS", f"{self._base}log", after),
        )
        return reply[0][1] if reply else []

    def _apply(self, entries: list[tuple[bytes, list[bytes]]]) -> None:
        """Nothing is passed over: an entry that is no change counts as a lost connection."""
        for entry_id, fields in entries:
            position = _parsed(entry_id)
            try:
                _, text = fields
                change = Change.parse(text)
            except ValueError as error:
                raise LostConnection(f"log entry {entry_id!r}: {error}") from error
            self._view.apply(change, made_s=position[0] / 1_000)
            self._position = position

    async def _compare(self, connection: Connection) -> None:
        reply: list[Any] = await ask(
            connection, "EVAL", STATE_OF_LOG, 1, self._base, new_generation()
        )
        generation, last_id = reply[0].decode(), _parsed(reply[1])
        if generation != self._view.generation:
            self._view.begin(generation)
            self.proof_s = -math.inf
            self._reload()
        elif last_id < self._position:
            self._reload()

    def _reload(self) -> None:
        self._position = _START
        self._is_caught_up = False
        self.reloads += 1


async def _run_id(connection: Connection) -> bytes:
    """Another after every start of a store, and of whatever takes over from it."""
    found = _RUN_ID.search(await ask(connection, "INFO", "server"))
    return found[1] if found else b""


def _parsed(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence)

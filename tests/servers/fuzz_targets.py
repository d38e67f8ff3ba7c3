"""Who is asked about hostile credentials: a server by HTTP, and a strategy in this process."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import IO

from multidict import CIMultiDict, CIMultiDictProxy

from servers.carrier import Carrier
from servers.errors import Refused
from servers.strategy import Rejected, Strategy
from servers.users import User
from tests.servers.fuzzing import Mutations
from tests.servers.in_process import USERS, opened
from tests.servers.processes import Replica

# Asked about at the same time, as some answers wait for the store.
_TOGETHER = 64
_GOOD = 20
Ask = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Family:
    """Credentials of one making; `refresh` is asked in place of `verify` where it says so."""

    name: str
    strategy: str
    flags: tuple[str, ...] = ()
    of_refresh: bool = False


class Wire:
    """One kept connection that is opened again when the server closes it."""

    def __init__(self, replica: Replica) -> None:
        # aiohttp logs what is no HTTP at all, and a full pipe would hold the server up.
        assert replica.process.stderr is not None
        # A descriptor of its own: who started the server closes theirs when they like.
        log = os.fdopen(os.dup(replica.process.stderr.fileno()), "rb")
        threading.Thread(target=_read_out, args=(log,), daemon=True).start()
        self._address = (replica.host, replica.port)
        self._connection: socket.socket | None = None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def status(self, headers: bytes) -> int:
        """What GET /me answers; `headers` are whole lines."""
        request = b"GET /me HTTP/1.1\r\nHost: test\r\n" + headers + b"\r\n"
        if self._connection is not None:
            try:
                return self._ask(self._connection, request)
            except ConnectionError:
                # It was closed after the answer before: only a new one has to be answered.
                self._close()
        self._connection = socket.create_connection(self._address, timeout=15)
        return self._ask(self._connection, request)

    def _ask(self, connection: socket.socket, request: bytes) -> int:
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += _some(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        missing = int(fields.get(b"content-length", 0)) - len(body)
        while missing > 0:
            missing -= len(_some(connection))
        if fields.get(b"connection") == b"close":
            self._close()
        return int(head.split(b" ", 2)[1])

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _read_out(stream: IO[bytes]) -> None:
    with stream:
        while stream.read(4_096):
            pass


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(65_536)
    if not chunk:
        raise ConnectionResetError("the server hung up without an answer")
    return chunk


def is_known_user(octets: bytes) -> bool:
    """What a strategy that trusts anyone takes: the id of a user, and state behind a dot."""
    user_id = octets.strip(b" \t").partition(b".")[0].decode("ascii", "replace")
    number = user_id.removeprefix("user-")
    return number.isdigit() and user_id == f"user-{int(number):06d}" and int(number) < 10_000


async def fuzz_in_process(family: Family, store_url: str, seed: int, count: int) -> Counter[str]:
    """Counts what became of `count` credentials by outcome; fails for one that was accepted."""
    store = ("--store", store_url, "--key-prefix", f"fuzz:{family.name}:{seed}:")
    # On a busy machine the store is slow, not away.
    deadline = ("--store-deadline-s", "30")
    async with opened(family.strategy, *store, *deadline, *family.flags) as strategy:
        good, ask = await _granted(strategy, family)
        outcomes: Counter[str] = Counter()
        hostile = Mutations(good, seed).take(count)
        while batch := list(itertools.islice(hostile, _TOGETHER)):
            outcomes.update(await asyncio.gather(*(_outcome(family, ask, each) for each in batch)))
        for credential in good:
            await ask(credential)
        return outcomes


async def _granted(strategy: Strategy, family: Family) -> tuple[list[str], Ask]:
    users = [User(f"user-{number:06d}", "member") for number in range(min(USERS, _GOOD))]
    grants = await strategy.issue_many(users, None)
    if family.of_refresh:
        return [grant.refresh_token or "" for grant in grants], strategy.refresh
    return [grant.credential for grant in grants], strategy.verify


async def _outcome(family: Family, ask: Ask, octets: bytes) -> str:
    # As aiohttp reads header values.
    text = octets.decode("utf-8", "surrogateescape")
    try:
        await ask(text if family.of_refresh else _carried(text))
    except Rejected as rejected:
        return rejected.code
    except Refused as refused:
        return refused.code
    assert family.strategy == "none", f"accepted: {octets!r}"
    assert is_known_user(octets), f"accepted: {octets!r}"
    return "known user"


_carrier = Carrier(secure=True)


def _carried(text: str) -> str:
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {text}"}))
    return _carrier.read(headers)[0]


def shards(count: int, each: int) -> Iterator[tuple[int, int]]:
    """(seed, count) of pieces of work that add up to `count`."""
    for seed, start in enumerate(range(0, count, each)):
        yield seed, min(each, count - start)

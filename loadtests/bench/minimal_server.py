"""python -m loadtests.bench.minimal_server: the same bytes to every request, and nothing else.

Prints its port, and ends when its stdin does. What it does for a request is a search for the end
of the headers and one write, so that a generator on a core of its own is the limit.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import uvloop

_BODY = b'{"user_id":"user-000001"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)
_END_OF_REQUEST = b"\r\n\r\n"


class Minimal(asyncio.Protocol):
    """Answers requests without a body; one may come in pieces, and several at once."""

    def __init__(self) -> None:
        self._unfinished = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *requests, self._unfinished = (self._unfinished + data).split(_END_OF_REQUEST)
        if requests:
            self._transport.write(ANSWER * len(requests))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Minimal, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    orphaned = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), _look, orphaned)
    await orphaned.wait()


def _look(orphaned: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        orphaned.set()


if __name__ == "__main__":
    uvloop.run(serve())

"""A closed loop of keep-alive connections, light enough to keep one server core busy."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

_OK = b"HTTP/1.1 200"


class Driver:
    """Connections to one contestant, kept open between slices; idle outside of them."""

    def __init__(self, connections: list[_Connection]) -> None:
        self._connections = connections

    @classmethod
    async def connect(cls, port: int, requests: list[bytes]) -> Driver:
        """One connection for each of `requests`, which it sends again and again."""
        loop = asyncio.get_running_loop()
        connections = [_Connection(request) for request in requests]
        for connection in connections:
            await loop.create_connection(partial(_itself, connection), "127.0.0.1", port)
        return cls(connections)

    async def drive(self, duration_s: float) -> int:
        """The number of answers in `duration_s` and the drain after it.

        Raises RuntimeError when an answer is no 200, so that refusals are never counted as speed.
        """
        for connection in self._connections:
            connection.start()
        await asyncio.sleep(duration_s)
        return sum([await connection.stop() for connection in self._connections])

    def close(self) -> None:
        for connection in self._connections:
            connection.transport.close()


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._answered = 0
        self._going = False
        self._idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def start(self) -> None:
        self._answered = 0
        self._going = True
        self._idle = asyncio.get_running_loop().create_future()
        self.transport.write(self._request)

    async def stop(self) -> int:
        """Ends with the answer under way; how many came since the start."""
        self._going = False
        await self._idle
        return self._answered

    def data_received(self, data: bytes) -> None:
        # Every answer is small and arrives whole, so its last byte is that of the JSON object.
        if not data.startswith(_OK) or not data.endswith(b"}"):
            self._idle.set_exception(RuntimeError(f"not a good answer: {data[:200]!r}"))
            self._going = False
            return
        self._answered += 1
        if self._going:
            self.transport.write(self._request)
        else:
            self._idle.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._idle.done():
            self._idle.set_exception(error or RuntimeError("the server closed the connection"))


def _itself(connection: _Connection) -> _Connection:
    return connection

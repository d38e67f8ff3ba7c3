"""Where the proxy is told what to do: JSON lines on a port of its own, one answer each."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from selectors import EVENT_READ
from typing import Any

from loadtests.store_proxy.relay import HOST
from loadtests.store_proxy.waiting import Waiter

_CHUNK_BYTES = 4096

Doings = Mapping[str, Callable[..., Any]]


class Desk:
    """Calls one of `doings` for each line `{"do": name, …}` and answers `{"told": what it gave}`.

    A port, because not only the starter asks: whoever conducts the load does, elsewhere.
    """

    def __init__(self, doings: Doings, waiter: Waiter) -> None:
        self._doings = doings
        self._waiter = waiter
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        waiter.watch(self._listening, EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        visitor, _ = self._listening.accept()
        _Visit(visitor, self._doings, self._waiter)


class _Visit:
    def __init__(self, visitor: socket.socket, doings: Doings, waiter: Waiter) -> None:
        self._visitor = visitor
        self._doings = doings
        self._waiter = waiter
        self._pending = b""
        waiter.watch(visitor, EVENT_READ, self._read)

    def _read(self, events: int) -> None:
        try:
            data = self._visitor.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        if not data:
            self._waiter.watch(self._visitor, 0, self._read)
            self._visitor.close()
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            told = self._doings[asked.pop("do")](**asked)
            self._visitor.sendall(json.dumps({"told": told}).encode() + b"\n")

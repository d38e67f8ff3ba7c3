"""The keep-alive HTTP/1.1 client: one connection to one replica, one request at a time.

Non-blocking sockets on gevent's loop, answers parsed by httptools. The read watcher stays armed
for the connection's life and its callback runs in the hub, so a request costs two system calls
and two greenlet switches, and no timer: `abort` (see `Watchdog`) bounds the wait instead.
"""

from __future__ import annotations

import _socket
import errno
import time
from typing import Any
from weakref import WeakSet

import gevent
from gevent import get_hub, getcurrent, sleep
from httptools import HttpParserError, HttpResponseParser

_READ, _WRITE = 1, 2
_EINPROGRESS = errno.EINPROGRESS
_RECEIVE_BYTES = 65_536
WATCHDOG_PERIOD_S = 0.1
_monotonic_ns = time.monotonic_ns


class ExchangeFailed(Exception):
    """No whole answer came. `outcome`: `refused`, `reset`, `timeout` or `malformed`."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Client:
    """After `exchange` returns: `sent_ns`, `done_ns`, `received_bytes`, `body` of that answer.

    `exchanges` counts those begun, however they end.
    """

    __slots__ = (
        "__weakref__",
        "_address",
        "_answered",
        "_failure",
        "_greenlet",
        "_hub",
        "_parser",
        "_receive",
        "_socket",
        "_under_way",
        "_watcher",
        "body",
        "done_ns",
        "exchanges",
        "received_bytes",
        "sent_ns",
        "set_cookies",
    )  # fmt: skip

    def __init__(self, host: str, port: int, *, reads_cookies: bool = False) -> None:
        self._address = (host, port)
        self._hub: Any = get_hub()
        self._socket: Any = None
        self._watcher: Any = None
        self._greenlet: Any = None
        self._under_way: set[Client] = set()
        self._answered = False
        self._failure = ""
        # Header callbacks cost; only a cookie's reader wants them.
        self._receive: Any = _CookieReader(self) if reads_cookies else _BodyReader(self)
        self.body = b""
        self.set_cookies: list[bytes] = []
        self.exchanges = 0
        self.received_bytes = 0
        self.sent_ns = 0
        self.done_ns = 0

    @property
    def waiting_since_ns(self) -> int:
        """When the request now under way was sent; 0 when none is."""
        return self.sent_ns if self._greenlet is not None else 0

    def exchange(self, request: bytes) -> int:
        """Sends one request and waits for the whole answer; returns its status.

        Raises ExchangeFailed; the next exchange opens a new connection.
        """
        self.body = b""
        self.received_bytes = 0
        self.exchanges += 1
        self._under_way.add(self)
        self._greenlet = getcurrent()
        self.sent_ns = _monotonic_ns()
        try:
            if self._socket is None:
                self._connect()
            self._send(request)
            self._hub.switch()
        except OSError:
            self.close()
            raise ExchangeFailed("reset") from None
        except BaseException:  # a killed greenlet must not leave its answer to the next request
            self.close()
            raise
        finally:
            self._greenlet = None
            self._under_way.discard(self)
        if self._failure:
            raise ExchangeFailed(self._failure)
        return int(self._parser.get_status_code())

    def report_to(self, under_way: set[Client]) -> None:
        """From the next exchange on it stands in `under_way` for as long as it awaits an answer."""
        self._under_way = under_way

    def abort(self, outcome: str) -> None:
        """Ends the request under way as failed; called from the hub or another greenlet."""
        self._failure = outcome
        greenlet = self._greenlet
        self.close()
        if greenlet is not None:
            self._hub.loop.run_callback(greenlet.switch)

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._failure = ""
        self._answered = False
        self._socket = connection
        self._parser = HttpResponseParser(self._receive)
        error = connection.connect_ex(self._address)
        if error == _EINPROGRESS:
            self._wait_writable()
            error = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if error:
            self.close()
            raise ExchangeFailed("refused")
        self._watcher = self._hub.loop.io(connection.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def _send(self, request: bytes) -> None:
        try:
            sent = self._socket.send(request)
        except BlockingIOError:
            sent = 0
        while sent < len(request):
            self._wait_writable()
            sent += self._socket.send(request[sent:])

    def _wait_writable(self) -> None:
        watcher = self._hub.loop.io(self._socket.fileno(), _WRITE)
        # Not `hub.wait`, which takes a switch by `abort` or by a lost connection for a mistake.
        watcher.start(getcurrent().switch)
        try:
            self._hub.switch()
        finally:
            watcher.stop()
            watcher.close()
        if self._failure:
            raise ExchangeFailed(self._failure)

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.done_ns = _monotonic_ns()
        self.received_bytes += len(data)
        # Whatever comes while nothing was asked is no answer to what will be asked next.
        if not data or self._greenlet is None:
            self._fail("reset")
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._fail("malformed")
            return
        if self._answered:
            self._answered = False
            self._greenlet.switch()

    def _fail(self, outcome: str) -> None:
        greenlet = self._greenlet
        self.close()
        # Closed between two requests: no failure, the next one connects anew.
        if greenlet is not None:
            self._failure = outcome
            greenlet.switch()


class _BodyReader:
    """What the parser calls."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def on_body(self, data: bytes) -> None:
        self._client.body += data

    def on_message_complete(self) -> None:
        self._client._answered = True


class _CookieReader(_BodyReader):
    def on_message_begin(self) -> None:
        self._client.set_cookies = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"set-cookie":
            self._client.set_cookies.append(value)


class Watchdog:
    """Aborts exchanges that have waited longer than `timeout_s`, looking every `period_s`.

    It looks at those under way alone: in a big pool most clients are idle, and to visit them all
    would hold up whatever falls due meanwhile, by milliseconds.
    """

    def __init__(self, timeout_s: float, period_s: float = WATCHDOG_PERIOD_S) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._period_s = period_s
        self._clients: WeakSet[Client] = WeakSet()
        self._under_way: set[Client] = set()
        self._greenlet: Any = gevent.spawn(self._watch)

    def guard(self, client: Client) -> Client:
        self._clients.add(client)
        client.report_to(self._under_way)
        return client

    def count(self) -> tuple[int, int]:
        """Over the clients it guards: exchanges begun so far, and those under way now."""
        return sum(client.exchanges for client in self._clients), len(self._under_way)

    def close(self) -> None:
        self._greenlet.kill(block=False)

    def _watch(self) -> None:
        while True:
            sleep(self._period_s)
            oldest_ns = _monotonic_ns() - self._timeout_ns
            for client in list(self._under_way):
                if 0 < client.waiting_since_ns < oldest_ns:
                    client.abort("timeout")

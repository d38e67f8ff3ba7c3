"""The keep-alive HTTP/1.1 client: one connection to one replica, one request at a time.

Non-blocking sockets on gevent's loop. The read watcher stays armed for the connection's life and
its callback runs in the hub, so a request costs two system calls and two greenlet switches, and no
timer: `abort` (see `Watchdog`) bounds the wait instead.
"""

from __future__ import annotations

import _socket
import errno
import time
from typing import Any
from weakref import WeakSet

import gevent
from gevent import get_hub, getcurrent, sleep
from httptools import HttpParserError

from loadtests.answers import AnswerReader, CookieReader
from loadtests.exchanges import Exchanges

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

    `exchange_count` counts those begun, however they end.
    """

    __slots__ = (
        "__weakref__",
        "_address",
        "_exchanges",
        "_failure",
        "_greenlet",
        "_hub",
        "_is_answered",
        "_reader",
        "_reads_cookies",
        "_socket",
        "_unsent",
        "_watcher",
        "done_ns",
        "exchange_count",
        "received_bytes",
        "sent_ns",
    )  # fmt: skip

    def __init__(self, host: str, port: int, *, reads_cookies: bool = False) -> None:
        self._address = (host, port)
        self._hub: Any = get_hub()
        self._exchanges = Exchanges()
        self._socket: Any = None
        self._watcher: Any = None
        self._greenlet: Any = None
        self._is_answered = False
        self._failure = ""
        # Header callbacks cost; only a cookie's reader wants them.
        self._reads_cookies = reads_cookies
        self._reader = self._new_reader()
        self._unsent = b""
        self.exchange_count = 0
        self.received_bytes = 0
        self.sent_ns = 0
        self.done_ns = 0

    @property
    def body(self) -> bytes:
        return self._reader.body

    @property
    def set_cookies(self) -> list[bytes]:
        """Values of the answer's headers; none where nobody said that they would be read."""
        return self._reader.set_cookies if isinstance(self._reader, CookieReader) else []

    @property
    def waiting_since_ns(self) -> int:
        """When the request now under way was sent; 0 when none is, or its answer is there."""
        return 0 if self._greenlet is None or self._is_answered else self.sent_ns

    def exchange(self, request: bytes) -> int:
        """Sends one request and waits for the whole answer; returns its status.

        Raises ExchangeFailed; the next exchange opens a new connection.
        """
        exchanges = self._exchanges
        exchanges.under_way.add(self)
        self.received_bytes = 0
        self.exchange_count += 1
        self._unsent = request
        self._greenlet = getcurrent()
        try:
            if exchanges.are_going_on and self._socket is not None:
                exchanges.asking.append(self)
                self._hub.switch()
            else:
                self._ask_at_once()
            if self._unsent:
                self._send_rest()
        except OSError:
            self.close()
            raise ExchangeFailed("reset") from None
        except BaseException:  # a killed greenlet must not leave its answer to the next request
            self.close()
            raise
        finally:
            self._greenlet = None
            self._is_answered = False
            exchanges.under_way.discard(self)
        if self._failure:
            raise ExchangeFailed(self._failure)
        return self._reader.status

    def belong_to(self, exchanges: Exchanges) -> None:
        """From the next exchange on it is one of these."""
        self._exchanges = exchanges

    def go_on(self) -> None:
        """Called from the hub: whoever waits for the answer has it, unless it was killed."""
        if self._is_answered:
            self._greenlet.switch()

    def send_now(self) -> None:
        """Called from the hub: the request, unless it was given up. What does not go out at once
        its greenlet sends."""
        if not self._unsent:
            return
        self.sent_ns = _monotonic_ns()
        try:
            self._send()
        except OSError:
            self._fail("reset")
        if self._unsent:
            self._greenlet.switch()

    def abort(self, outcome: str) -> None:
        """Ends the request under way as failed; called from the hub or another greenlet."""
        self._failure = outcome
        # Whoever has an answer goes on in any case.
        greenlet = None if self._is_answered else self._greenlet
        self.close()
        if greenlet is not None:
            self._hub.loop.run_callback(greenlet.switch)

    def close(self) -> None:
        self._unsent = b""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _new_reader(self) -> AnswerReader:
        return CookieReader() if self._reads_cookies else AnswerReader()

    def _connect(self) -> None:
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._failure = ""
        self._socket = connection
        self._reader = self._new_reader()
        error = connection.connect_ex(self._address)
        if error == _EINPROGRESS:
            self._wait_writable()
            error = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if error:
            self.close()
            raise ExchangeFailed("refused")
        self._watcher = self._hub.loop.io(connection.fileno(), _READ)
        self._watcher.start(self._on_readable)

    def _ask_at_once(self) -> None:
        self.sent_ns = _monotonic_ns()
        if self._socket is None:
            self._connect()
        self._send()
        if not self._unsent:
            self._hub.switch()

    def _send_rest(self) -> None:
        """Comes back with the answer, or with `_failure`."""
        while self._unsent:
            self._wait_writable()
            if self._is_answered:  # by one who did not care for the rest
                self.close()
                return
            self._send()
        self._hub.switch()

    def _send(self) -> None:
        """As much as there is room for."""
        unsent = self._unsent
        try:
            sent = self._socket.send(unsent)
        except BlockingIOError:
            return
        self._unsent = unsent[sent:] if sent < len(unsent) else b""

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
            self._is_answered = self._reader.feed(data)
        except HttpParserError:
            self._fail("malformed")
            return
        if self._is_answered:
            self._exchanges.answered(self)

    def _fail(self, outcome: str) -> None:
        greenlet = self._greenlet
        self.close()
        # Closed between two requests: no failure, the next one connects anew.
        if greenlet is not None:
            self._failure = outcome
            greenlet.switch()


class Watchdog:
    """Aborts exchanges that have waited longer than `timeout_s`, looking every `period_s`.

    It looks at those under way alone: in a big pool most clients are idle, and to visit them all
    would hold up whatever falls due meanwhile, by milliseconds.
    """

    def __init__(self, timeout_s: float, period_s: float = WATCHDOG_PERIOD_S) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._period_s = period_s
        self._clients: WeakSet[Client] = WeakSet()
        self._exchanges = Exchanges()
        self._greenlet: Any = gevent.spawn(self._watch)

    def guard(self, client: Client) -> Client:
        self._clients.add(client)
        client.belong_to(self._exchanges)
        return client

    def count(self) -> tuple[int, int]:
        """Over the clients it guards: exchanges begun so far, and those under way now."""
        return (
            sum(client.exchange_count for client in self._clients),
            len(self._exchanges.under_way),
        )

    def close(self) -> None:
        self._greenlet.kill(block=False)

    def _watch(self) -> None:
        while True:
            sleep(self._period_s)
            oldest_ns = _monotonic_ns() - self._timeout_ns
            for client in list(self._exchanges.under_way):
                if 0 < client.waiting_since_ns < oldest_ns:
                    client.abort("timeout")

"""A TCP proxy between a client and a store, which loses or delays exactly what a test tells it.

    with proxied(store.url) as proxy:
        held = proxy.hold_next(b"GETEX")   # the next connection that sends these bytes
        ...                                # a client of proxy.url sends GETEX
        held.replied.wait(5)               # the store has answered; the client does not know
        held.release()

A connection has two threads, one a direction, so nothing here waits for the test's event loop.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK_BYTES = 65_536


class Held:
    """One connection whose replies are kept back, from the bytes that were waited for.

    `seen`: they were passed on to the store; `replied`: the store answered since.
    """

    def __init__(self, containing: bytes) -> None:
        self.containing = containing
        self.seen = threading.Event()
        self.replied = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        """Passes on what was kept back, and what follows."""
        self._released.set()

    def await_release(self) -> None:
        self.replied.set()
        self._released.wait()


class Proxy:
    """Passes bytes both ways between its own port and `host`:`port`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._store = (parts.hostname, parts.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        own_port = self._listening.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{own_port}"))
        self._lock = threading.Lock()
        self._waiting: list[Held] = []
        self._all_held: list[Held] = []
        self._connections: list[_Connection] = []
        self._threads: list[threading.Thread] = []
        self._swallows = False
        self._start(self._accept)

    def hold_next(self, containing: bytes) -> Held:
        """Keeps back the replies on the next connection over which a client sends `containing`."""
        held = Held(containing)
        with self._lock:
            self._waiting.append(held)
            self._all_held.append(held)
        return held

    def drop(self) -> None:
        """Closes every connection that is open now; new ones are let in."""
        with self._lock:
            dropped, self._connections = self._connections, []
        for connection in dropped:
            connection.close()

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Bytes vanish in both directions though sockets live; afterwards they are closed."""
        self._swallows = True
        try:
            yield
        finally:
            self.drop()
            self._swallows = False

    def close(self) -> None:
        # Wakes the accepting thread, which close() alone does not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for held in self._all_held:
            held.release()
        self.drop()
        for thread in self._threads:
            thread.join(5)

    def passed_on(self, sent: bytes, connection: _Connection) -> bool:
        """Whether bytes go on; called for each chunk that a client sent, before it does."""
        with self._lock:
            for held in self._waiting:
                if held.containing in sent:
                    connection.held = held
                    self._waiting.remove(held)
                    break
        return not self._swallows

    def swallows(self) -> bool:
        return self._swallows

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                store = socket.create_connection(self._store)
            except OSError:
                client.close()
                continue
            connection = _Connection(self, client, store)
            with self._lock:
                self._connections.append(connection)
            self._start(connection.pass_requests)
            self._start(connection.pass_replies)

    def _start(self, work: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()


class _Connection:
    def __init__(self, proxy: Proxy, client: socket.socket, store: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._store = store
        self.held: Held | None = None

    def pass_requests(self) -> None:
        tail = b""
        for chunk in self._chunks(self._client):
            sent = tail + chunk
            goes_on = self._proxy.passed_on(sent, self)
            tail = sent[-_CHUNK_BYTES:]
            if goes_on:
                with suppress(OSError):
                    self._store.sendall(chunk)
            if self.held is not None:
                self.held.seen.set()
                tail = b""

    def pass_replies(self) -> None:
        for chunk in self._chunks(self._store):
            if self.held is not None:
                self.held.await_release()
            if not self._proxy.swallows():
                with suppress(OSError):
                    self._client.sendall(chunk)

    def close(self) -> None:
        """Wakes both threads, the last of which closes the sockets."""
        for end in (self._client, self._store):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _chunks(self, end: socket.socket) -> Iterator[bytes]:
        """What arrives at `end`, until either side is gone."""
        try:
            while chunk := end.recv(_CHUNK_BYTES):
                yield chunk
        except OSError:
            pass
        finally:
            self.close()
            end.close()


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy before the store at `url`, closed with the block."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()

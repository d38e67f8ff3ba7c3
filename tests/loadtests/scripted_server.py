"""A server that does exactly what a test tells it, connection by connection, on real sockets."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

# What to do next with a connection.
Step = Callable[["Peer"], None]


def response(body: bytes = b"{}", status: str = "200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        status.encode(), headers, len(body), body,
    )  # fmt: skip


@dataclass
class Peer:
    """The server's end of one connection."""

    connection: socket.socket
    requests: list[bytes]
    test_over: threading.Event
    closed: threading.Event = field(default_factory=threading.Event)

    def read_request(self) -> bool:
        """Up to the end of the headers; the tests' requests have no body."""
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            data = self.connection.recv(65_536)
            if not data:
                return False
            received += data
        self.requests.append(received)
        return True


@dataclass
class ScriptedServer:
    port: int
    peers: list[Peer]
    requests: list[bytes]


def answer(data: bytes) -> Step:
    """Reads a request, then sends `data` whatever it is."""

    def step(peer: Peer) -> None:
        if peer.read_request():
            peer.connection.sendall(data)

    return step


def hang(peer: Peer) -> None:
    """Reads a request and says nothing until the test is over."""
    peer.read_request()
    peer.test_over.wait(30)


def reset(peer: Peer) -> None:
    """Reads a request and drops the connection with a RST (SO_LINGER of zero, socket(7))."""
    peer.read_request()
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(peer: Peer) -> None:
    """Reads a request and closes in an orderly way without a word."""
    peer.read_request()


@contextmanager
def scripted(*connections: Sequence[Step]) -> Iterator[ScriptedServer]:
    """Accepts as many connections as there are scripts; each is closed after its last step."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(listener.getsockname()[1], [], [])
        test_over = threading.Event()
        thread = threading.Thread(
            target=_serve, args=(listener, server, connections, test_over), daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            test_over.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            assert not thread.is_alive()


def _serve(
    listener: socket.socket,
    server: ScriptedServer,
    connections: Sequence[Sequence[Step]],
    test_over: threading.Event,
) -> None:
    for steps in connections:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        peer = Peer(connection, server.requests, test_over)
        server.peers.append(peer)
        with connection:
            for step in steps:
                step(peer)
        peer.closed.set()

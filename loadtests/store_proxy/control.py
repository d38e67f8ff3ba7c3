"""Tells a proxy what to do, from the process that started it or from another."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from loadtests.model import AddedDelay

HOST = "127.0.0.1"
ANSWER_TIMEOUT_S = 5.0


class ProxyControl:
    """Every method returns once the proxy does it; raises ConnectionError when it is gone.

    `watched`: the words a swallowed connection may be known by.
    """

    def __init__(self, control_port: int, watched: tuple[bytes, ...] = ()) -> None:
        self.control_port = control_port
        self._watched = watched
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def set_delay(self, seconds: float) -> None:
        """Makes each round trip that much longer, half on each way; 0 passes on at once.

        Holds for what arrives from now on. Connections are made at once at any distance.
        """
        if not seconds >= 0:
            raise ValueError(f"a delay of {seconds} s; allowed is 0 or more")
        self._ask("set_delay", seconds=seconds)

    def reset(self) -> None:
        """Tears every connection that is open now, by a TCP reset at both ends."""
        self._ask("reset")

    def swallow(self, containing: bytes | None, *more: bytes) -> None:
        """Bytes vanish in both directions though sockets live, until `restore`.

        On every connection (None), or on those that ever sent one of these words, all of them
        watched; those opened meanwhile are treated alike. Raises ValueError for a word not watched.
        """
        if containing is None:
            self._ask("swallow", containing=None)
            return
        for word in (containing, *more):
            if word not in self._watched:
                allowed = ", ".join(map(repr, self._watched))
                raise ValueError(f"{word!r} is not watched; allowed are {allowed} and None")
        self._ask("swallow", containing=[word.decode() for word in (containing, *more)])

    def refuse(self) -> None:
        """Tears every connection and lets none in, as a port where nobody listens."""
        self._ask("refuse")

    def restore(self) -> None:
        """Passes on again and lets in again; what was swallowed is closed, as its stream is torn.

        The delay stays what it is.
        """
        self._ask("restore")

    def added_delay(self) -> AddedDelay:
        """What was really added to round trips since this was last asked."""
        return AddedDelay(**self._ask("added_delay"))

    def close(self) -> None:
        """Hangs up; the proxy goes on."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, do: str, **words: Any) -> Any:
        with self._lock:
            if self._socket is None:
                self._socket = socket.create_connection(
                    (HOST, self.control_port), timeout=ANSWER_TIMEOUT_S
                )
            self._socket.sendall(json.dumps({"do": do, **words}).encode() + b"\n")
            line = b""
            while not line.endswith(b"\n"):
                data = self._socket.recv(65_536)
                if not data:
                    raise ConnectionError("the proxy ended")
                line += data
        return json.loads(line)["told"]

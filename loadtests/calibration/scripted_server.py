"""A server that answers when its script says, and stamps when it did: python -m
loadtests.calibration.scripted_server --script bimodal --seed 1

Prints its port. A line on stdin asks for every stamp so far, as one line of JSON; end of file ends
it. Blocking threads, one a connection: an event loop cannot delay by less than a millisecond.

A request is stamped received when it came to this machine's kernel (where that is not told, when
it was read), and answered just before its answer is sent: the client cannot have sent later nor
have had its answer earlier, so whatever it measures beyond the difference is the way or its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
import time
from random import Random

from loadtests.calibration.arrival import ArrivalReader, header
from loadtests.calibration.scripts import SCRIPTS, Delay

_BACKLOG = 1_024
_STACK_BYTES = 256 * 1_024
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n"
    b'{"user_id": "user-000001"}'
)
_BEARER = b"Authorization: Bearer "
_monotonic_ns = time.monotonic_ns

# Id, received and answered in ns of the monotonic clock.
Stamp = tuple[str, int, int]


class Stalls:
    """Holds every answer back for `length_s`, every `every_s`, and stamps from when to when."""

    def __init__(self, every_s: float, length_s: float) -> None:
        self._every_s, self._length_s = every_s, length_s
        self._open = threading.Event()
        self._open.set()
        self.stamps: list[tuple[int, int]] = []
        if every_s:
            threading.Thread(target=self._keep, daemon=True).start()

    def pass_through(self) -> None:
        if not self._open.is_set():
            self._open.wait()

    def _keep(self) -> None:
        while True:
            time.sleep(self._every_s - self._length_s)
            self._open.clear()
            began_ns = _monotonic_ns()
            time.sleep(self._length_s)
            self.stamps.append((began_ns, _monotonic_ns()))
            self._open.set()


def serve(connection: socket.socket, delay: Delay, dice: Random, stalls: Stalls,
          stamps: list[Stamp]) -> None:  # fmt: skip
    """One connection to its end."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(OSError):
        reader = ArrivalReader(connection)
        while request := reader.read():
            received_ns = reader.arrived_ns
            wait_s = delay(dice)
            if wait_s:
                time.sleep(wait_s)
            stalls.pass_through()
            answered_ns = _monotonic_ns()
            connection.sendall(_ANSWER)
            stamps.append((header(request, _BEARER).decode(), received_ns, answered_ns))


def _accept(listener: socket.socket, options: argparse.Namespace, stalls: Stalls,
            stamps: list[Stamp]) -> None:  # fmt: skip
    delay = SCRIPTS[options.script]
    number = 0
    while True:
        connection, _ = listener.accept()
        number += 1
        dice = Random(options.seed * 1_000_003 + number)  # noqa: S311
        arguments = (connection, delay, dice, stalls, stamps)
        threading.Thread(target=serve, args=arguments, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", choices=SCRIPTS, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stall-every-s", type=float, default=0.0)
    parser.add_argument("--stall-s", type=float, default=0.0)
    options = parser.parse_args()
    threading.stack_size(_STACK_BYTES)
    stalls = Stalls(options.stall_every_s, options.stall_s)
    stamps: list[Stamp] = []
    with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listener:
        _say({"port": listener.getsockname()[1]})
        threading.Thread(
            target=_accept, args=(listener, options, stalls, stamps), daemon=True
        ).start()
        for _asked in sys.stdin:
            _say({"requests": list(stamps), "stalls": list(stalls.stamps)})
    # Threads may still hold connections; nobody is left to answer.
    os._exit(0)


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

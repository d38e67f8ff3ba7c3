"""The proxy's process: `python -m loadtests.store_proxy HOST PORT WORD…`.

Prints one line, `{"port": …, "control_port": …}`, and ends at end of file on stdin, which only
its starter holds open. WORD: what a swallowed connection may be known by (see `start_proxy`).
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from selectors import EVENT_READ

from loadtests.realtime import come_first
from loadtests.store_proxy.desk import Desk, Doings
from loadtests.store_proxy.relay import Relay
from loadtests.store_proxy.waiting import Waiter


class Lifeline:
    """Holds for as long as the starter has the other end of stdin open."""

    def __init__(self, waiter: Waiter) -> None:
        self.holds = True
        waiter.watch(sys.stdin.fileno(), EVENT_READ, self._look)

    def _look(self, _events: int) -> None:
        self.holds = bool(os.read(sys.stdin.fileno(), 4096))


def main(host: str, port: str, *watched: str) -> int:
    # The starter ends it; a Ctrl-C meant for the starter must not come first.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    family, _, _, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    waiter = Waiter()
    relay = Relay(family, address, tuple(word.encode() for word in watched), waiter)
    doings: Doings = {
        "set_delay": relay.set_delay,
        "reset": relay.reset,
        "swallow": relay.swallow,
        "refuse": relay.refuse,
        "restore": relay.restore,
        "added_delay": relay.added_delay,
    }
    desk = Desk(doings, waiter)
    lifeline = Lifeline(waiter)
    print(json.dumps({"port": relay.port, "control_port": desk.port}), flush=True)
    gc.freeze()
    # What it delays must not be later still.
    come_first()
    while lifeline.holds:
        relay.turn()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

from loadtests.client import Watchdog
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.trial import OPENED_AT_ONCE, Lines


def test_a_replica_that_does_not_answer_is_waited_for_once_by_each_opener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = ReplicaAddress("127.0.0.1", silent.getsockname()[1])
        watchdog = Watchdog(timeout_s=0.05, period_s=0.01)
        lines = Lines(ArmTarget("slow", "bearer", "session", (at,)), watchdog)
        lines.stand(40)
        assert sum(connections(silent)) == OPENED_AT_ONCE
        lines.close()
        watchdog.close()


def connections(listener: socket.socket) -> Iterator[int]:
    """1 for each that came, none later than a second after the one before."""
    with suppress(TimeoutError):
        while True:
            listener.settimeout(1.0)
            listener.accept()[0].close()
            yield 1

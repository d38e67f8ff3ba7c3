from __future__ import annotations

import socket

import pytest

from loadtests.client import Watchdog
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.trial import Lines


def test_a_replica_that_does_not_answer_is_waited_for_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = ReplicaAddress("127.0.0.1", silent.getsockname()[1])
        watchdog = Watchdog(timeout_s=0.05, period_s=0.01)
        lines = Lines(ArmTarget("slow", "bearer", "session", (at,)), watchdog)
        lines.stand(40)
        silent.settimeout(1.0)
        silent.accept()[0].close()
        silent.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            silent.accept()
        lines.close()
        watchdog.close()

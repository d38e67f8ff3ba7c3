"""The scenario by hand: one trial an iteration, recorded as requests."""

from __future__ import annotations

import socket
import time

import pytest

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.recorder import Stamp
from loadtests.scenarios.revocation import iterate
from loadtests.visitor import Visitor, describe
from tests.servers.processes import running


def test_by_hand_a_victim_that_cannot_be_minted_is_recorded_as_a_failure() -> None:
    with running("none") as server:
        (stamp,) = stamps_of_a_failed_iteration(server.port)
    assert str(stamp.outcome).startswith("mint answered 4")


def test_by_hand_a_server_that_is_not_there_is_recorded_as_a_failure() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        (stamp,) = stamps_of_a_failed_iteration(bound.getsockname()[1])
    assert stamp.outcome == "refused"


def stamps_of_a_failed_iteration(port: int) -> list[Stamp]:
    """One iteration with a wrong admin secret."""
    stamps: list[Stamp] = []
    watchdog = Watchdog(5.0)
    visitor = Visitor(
        ArmTarget("none", "bearer", "session", (ReplicaAddress("127.0.0.1", port),)),
        (),
        number=0,
        seed=1,
        password="",
        population=10,
        watchdog=watchdog,
        record=stamps.append,
        admin_secret="wrong",
    )
    due_ns = time.monotonic_ns()
    with pytest.raises(ExchangeFailed):
        iterate(visitor, due_ns)
    watchdog.close()
    for stamp in stamps:
        shown = describe(stamp)
        assert (shown["request_type"], shown["name"]) == ("MINT", "victim")
        assert str(shown["exception"]) == stamp.outcome
        assert due_ns == stamp.due_ns <= stamp.sent_ns <= stamp.done_ns <= time.monotonic_ns()
    return stamps

"""The accounts that a walk keeps of its own requests."""

from __future__ import annotations

from loadtests.checks.books import contradictions
from loadtests.messages import Credential
from loadtests.model import Load
from loadtests.recorder import Stamp
from loadtests.stage import Stage
from tests.builders import a_phase
from tests.loadtests.scripted_server import hang, scripted
from tests.loadtests.walking import (
    TWO_ARMS,
    a_block,
    an_order,
    at,
    collection,
    server,
    walked,
)
from tests.servers.processes import Replica

__all__ = ["collection", "server"]


def test_the_books_of_every_slice_hold(server: Replica) -> None:
    """Every count does. Little's law needs more than three users for a few hundredths of a second
    of a machine that may do something else meanwhile: tables try it."""
    books = [record.books for record in walked(at(server, a_block())).slices]
    assert books
    assert all(each is not None and each.sent > 0 for each in books)
    assert [(b.sent, b.in_flight) for b in books if b] == [(b.ended, 0) for b in books if b]


class LosingStage(Stage):
    """One that keeps every other stamp."""

    def __init__(self) -> None:
        super().__init__()
        self.stamps = LosingList()


class LosingList(list[Stamp]):
    seen = 0

    def append(self, stamp: Stamp) -> None:
        self.seen += 1
        if self.seen % 2:
            super().append(stamp)


def test_a_generator_that_loses_requests_is_found_out(server: Replica) -> None:
    slices = walked(at(server, a_block()), LosingStage()).slices
    assert all(contradictions(record) for record in slices)


def test_a_request_that_timed_out_has_ended() -> None:
    phase = a_phase(
        "latency-100", load=Load("constant", rate_rps=100), rounds=1, slice_s=0.05, guard_s=0.0
    )
    experiment = a_block(
        arms=TWO_ARMS[:1], phases=(phase,), pool_users=1, request_timeout_s=0.05, warm_up_s=0.0
    )
    with scripted([hang]) as server:
        order = an_order(experiment, server.port, [Credential("user-0", "credential", "")])
        (record,) = walked(order).slices
    assert record.books is not None
    assert record.books.sent == record.books.ended > 0
    assert record.books.in_flight == 0

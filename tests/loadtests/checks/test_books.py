from __future__ import annotations

import dataclasses

import pytest

from loadtests.checks import phase_findings
from loadtests.checks.books import book_findings, contradictions
from loadtests.histogram import Histogram
from loadtests.model import Books, CpuSeconds, EndpointRecord, Load, Placement, SliceRecord
from tests.builders import a_phase, a_slice

TWO_CPUS = Placement((0,), (0,), (1,))
CAPACITY = a_phase("capacity")


def answers(count: int, each_ms: float, **outcomes: int) -> EndpointRecord:
    text = Histogram.of([round(each_ms * 1e6)] * count).to_text()
    return EndpointRecord(outcomes or {"200": count}, response=text, service=text)


def a_closed(users: int, endpoint: EndpointRecord, duration_s: float = 1.0) -> SliceRecord:
    return a_slice(
        load=Load("closed", users=users), endpoints={"GET /me": endpoint}, duration_s=duration_s
    )


@pytest.mark.parametrize(
    ("books", "lost"),
    [
        (None, False),
        (Books(100, 100, 0), False),
        (Books(100, 97, 3), False),
        (Books(100, 99, 0), True),
        (Books(100, 101, 0), True),
        (Books(100, 99, 2), True),
    ],
)
def test_what_was_sent_has_ended_or_is_under_way(books: Books | None, *, lost: bool) -> None:
    record = dataclasses.replace(a_closed(10, answers(1000, 10)), books=books)
    assert bool(contradictions(record)) is lost


@pytest.mark.parametrize(
    ("users", "each_ms", "wrong"),
    [(10, 10.0, False), (10, 10.4, False), (10, 9.6, False), (10, 10.7, True), (10, 9.3, True)],
)
def test_littles_law(users: int, each_ms: float, *, wrong: bool) -> None:
    """1,000 answers in a second, each after 10 ms, are ten at once."""
    found = contradictions(a_closed(users, answers(1000, each_ms)))
    assert bool(found) is wrong
    if wrong:
        assert "requests at once by Little's law, from 10 users" in found[0]


@pytest.mark.parametrize(
    ("mean_under_way", "wrong"),
    [(8.0, False), (7.65, False), (8.35, False), (7.5, True), (8.5, True)],
)
def test_as_many_are_under_way_as_there_are_users(mean_under_way: float, *, wrong: bool) -> None:
    """Whatever the edges: the sums of response times say half of it here."""
    record = a_closed(8, answers(1000, 4.0))
    assert contradictions(record)
    told = dataclasses.replace(record, mean_under_way=mean_under_way)
    lines = [f"{mean_under_way:.2f} requests at once, from 8 users"] if wrong else []
    assert contradictions(told) == lines


def test_nobody_is_under_way_where_nothing_was_asked() -> None:
    record = dataclasses.replace(a_closed(8, answers(1, 4.0)), endpoints={}, mean_under_way=0.0)
    assert contradictions(record) == []


def test_littles_law_knows_that_a_lone_user_waits_for_the_generator() -> None:
    """5,000 answers of 180 µs leave a tenth of the second, which the generator worked."""
    record = a_closed(1, answers(5000, 0.18))
    idle = dataclasses.replace(record, cpu_s=CpuSeconds(0.9, 0.0, generator=0.02))
    busy = dataclasses.replace(record, cpu_s=CpuSeconds(0.9, 0.0, generator=0.1))
    assert contradictions(idle)
    assert not contradictions(busy)
    assert contradictions(dataclasses.replace(busy, load=Load("closed", users=2)))


def test_littles_law_leaves_the_edges_open() -> None:
    """Eight users with four answers each: one of the four may belong to a neighbouring slice."""
    assert contradictions(a_closed(8, answers(28, 250.0))) == []
    assert contradictions(a_closed(8, answers(14, 250.0)))


def test_littles_law_says_nothing_of_open_loops_or_of_requests_without_an_answer() -> None:
    record = a_closed(10, answers(1000, 1.0))
    assert contradictions(record)
    assert not contradictions(dataclasses.replace(record, load=Load("constant", rate_rps=1000)))
    failed = answers(999, 1.0, timeout=1, **{"200": 999})
    assert not contradictions(a_closed(10, failed))
    assert not contradictions(dataclasses.replace(record, endpoints={}))


def test_a_finding_counts_the_slices() -> None:
    good = a_closed(10, answers(1000, 10))
    lost = dataclasses.replace(good, books=Books(100, 98, 0))
    (found,) = book_findings(CAPACITY, "none", [good, lost, lost])
    assert found.severity == "invalid"
    assert found.message.endswith(": 100 sent, but 98 ended and 0 under way (in 2 of 3 slices)")
    assert book_findings(CAPACITY, "none", [good]) == []


def test_a_phase_is_told_of_its_books() -> None:
    lost = dataclasses.replace(a_closed(10, answers(1000, 10)), books=Books(2, 1, 0))
    assert "bookkeeping" in {
        found.name for found in phase_findings(CAPACITY, "none", [lost], TWO_CPUS)
    }

"""The sums are worked out by hand; START and END bound the slice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.histogram import Histogram
from loadtests.model import WireBytes
from loadtests.recorder import Stamp, merge, tally

START, END = 1_000_000_000, 2_000_000_000
MS = 1_000_000


def a_stamp(
    due_ms: float, sent_ms: float, done_ms: float, outcome: int | str = 200, name: str = "GET /me"
) -> Stamp:
    """Times in ms from START."""
    due, sent, done = (START + int(ms * MS) for ms in (due_ms, sent_ms, done_ms))
    return Stamp(name, outcome, due, sent, done, 100, 30)


def test_an_open_loop_counts_by_due_and_a_closed_one_by_sent() -> None:
    in_the_guard = a_stamp(-5, -4, -3)
    due_before_sent_after = a_stamp(-1, 1, 2)
    inside = a_stamp(10, 11, 12)
    due_inside_sent_after = a_stamp(999, 1001, 1002)
    due_at_the_end = a_stamp(1000, 1000, 1001)
    stamps = [
        in_the_guard, due_before_sent_after, inside, due_inside_sent_after, due_at_the_end,
    ]  # fmt: skip
    by_due = tally(stamps, START, END, by_due=True)
    by_sent = tally(stamps, START, END, by_due=False)
    assert by_due.recorded == 2
    assert by_sent.recorded == 2
    assert Histogram.from_text(by_due.dispatch_lag).quantile_ns(1) == pytest.approx(
        2 * MS, rel=1e-3
    )
    assert by_due.completed == by_sent.completed == 4
    # Whatever the clock: two left before it was over, and not before it began.
    assert by_due.sent == by_sent.sent == 2


def test_what_left_after_the_slice_was_due_there_and_not_sent() -> None:
    late = [a_stamp(998, 1001, 1002), a_stamp(999, 1500, 1501)]
    told = tally([a_stamp(10, 11, 12), *late], START, END, by_due=True)
    assert (told.recorded, told.sent) == (3, 1)


def test_the_first_nanosecond_is_in_and_the_last_is_out() -> None:
    at_start = Stamp("GET /me", 200, START, START, START + MS, 1, 1)
    before_end = Stamp("GET /me", 200, END - 1, END - 1, END, 1, 1)
    at_end = Stamp("GET /me", 200, END, END, END + MS, 1, 1)
    told = tally([at_start, before_end, at_end], START, END, by_due=True)
    assert (told.recorded, told.sent) == (2, 2)


def test_bytes_belong_to_everything_completed_since_the_start() -> None:
    sent_in_the_guard = a_stamp(-2, -2, 0)
    done_in_the_guard = a_stamp(-2, -2, -1)
    summed = tally(
        [sent_in_the_guard, done_in_the_guard, a_stamp(1, 1, 2)], START, END, by_due=True
    )
    assert summed.completed == 2
    assert summed.wire_bytes == WireBytes(sent=200, received=60)


def test_who_is_under_way_is_counted_as_far_as_it_lies_within() -> None:
    """250 ms of each of the first two, all of the third's 100."""
    before, after, within = a_stamp(-500, -500, 250), a_stamp(750, 1100, 1300), a_stamp(1, 2, 101)
    outside = [a_stamp(-2, -2, -1), a_stamp(1001, 1001, 1002)]
    stamps = [before, after, within, *outside]
    for by_due in (True, False):
        assert tally(stamps, START, END, by_due=by_due).under_way_ns == 600 * MS


def test_clocks_and_outcomes_by_endpoint() -> None:
    summed = tally(
        [
            a_stamp(0, 1, 4),
            a_stamp(10, 10, 12, outcome=401),
            a_stamp(20, 25, 30, name="PUT /state"),
        ],
        START,
        END,
        by_due=True,
    )
    assert list(summed.endpoints) == ["GET /me", "PUT /state"]
    reads, writes = summed.endpoints.values()
    assert reads.outcomes == {"200": 1, "401": 1}
    assert writes.outcomes == {"200": 1}
    assert quantiles_ms(reads.response) == [2, 4]
    assert quantiles_ms(reads.service) == [2, 3]
    assert quantiles_ms(writes.response) == [10, 10]
    assert quantiles_ms(writes.service) == [5, 5]
    assert quantiles_ms(summed.dispatch_lag) == [0, 5]


def test_a_failure_has_an_outcome_and_no_latency() -> None:
    summed = tally(
        [a_stamp(0, 0, 5000, outcome="timeout"), a_stamp(1, 1, 2)], START, END, by_due=True
    )
    endpoint = summed.endpoints["GET /me"]
    assert endpoint.outcomes == {"timeout": 1, "200": 1}
    assert Histogram.from_text(endpoint.response).count == 1
    assert Histogram.from_text(endpoint.service).count == 1
    assert summed.recorded == 2


def test_no_stamps_add_up_to_nothing() -> None:
    summed = tally([], START, END, by_due=False)
    assert summed.endpoints == {}
    assert (summed.completed, summed.recorded) == (0, 0)
    assert summed.wire_bytes == WireBytes(0, 0)
    assert Histogram.from_text(summed.dispatch_lag).count == 0


STAMPS = st.lists(
    st.builds(
        Stamp,
        endpoint=st.sampled_from(["GET /me", "PUT /state", "POST /login"]),
        outcome=st.sampled_from([200, 401, 503, "timeout", "broken"]),
        due_ns=st.integers(START - 50 * MS, END + 50 * MS),
        sent_ns=st.integers(START - 50 * MS, END + 50 * MS),
        done_ns=st.integers(START - 50 * MS, END + 90_000 * MS),
        sent_bytes=st.integers(0, 5_000),
        received_bytes=st.integers(0, 5_000),
    ),
    max_size=60,
)


@given(stamps=STAMPS, workers=st.integers(1, 5), by_due=st.booleans())
def test_the_shares_of_workers_merge_into_one_tally_of_all_to_the_bit(
    stamps: list[Stamp], workers: int, *, by_due: bool
) -> None:
    shares = [
        tally(stamps[worker::workers], START, END, by_due=by_due) for worker in range(workers)
    ]
    assert merge(shares) == tally(stamps, START, END, by_due=by_due)


def quantiles_ms(text: str) -> list[int]:
    """The least and the largest."""
    least, largest = Histogram.from_text(text).quantiles_ns([0, 1])
    assert least is not None
    assert largest is not None
    return [round(least / MS), round(largest / MS)]

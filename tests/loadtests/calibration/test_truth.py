from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.calibration.scripted import as_truth
from loadtests.calibration.truth import (
    UnmatchedError,
    dues_of,
    expected,
    overlapping,
    quantile_ns,
    stalled_waits_ns,
)
from loadtests.histogram import Histogram
from loadtests.model import Load, PlannedSlice, SliceRecord
from loadtests.pacing import due_times_ns
from tests.builders import a_phase, a_slice
from tests.loadtests.calibration.builders import a_truth

MS, S = 1_000_000, 1_000_000_000
ZERO_NS = 77 * S
OPEN = a_phase("latency-500", slice_s=0.4, guard_s=0.1, load=Load("poisson", rate_rps=500.0))
CLOSED = a_phase("capacity", slice_s=0.4, guard_s=0.1)
PLANNED = PlannedSlice(0, OPEN.name, 0, "bimodal", seed=5)
GUARD_NS, START_NS, END_NS = ZERO_NS + 2 * S, ZERO_NS + 2_100 * MS, ZERO_NS + 2_500 * MS
DUES_NS = due_times_ns(OPEN.load, GUARD_NS, END_NS, PLANNED.seed)


def a_record(late_ns: int = 30_000) -> SliceRecord:
    """The slice of START_NS … END_NS whose clocks were read `late_ns` after it began."""
    return a_slice(
        started_s=(START_NS + late_ns - ZERO_NS) / S,
        duration_s=(END_NS - START_NS - late_ns) / S,
        drained_after_s=0.45,
        load=OPEN.load,
    )


def test_due_times_are_those_of_the_recorded_time() -> None:
    found = dues_of(PLANNED, OPEN, a_record(), ZERO_NS)
    assert list(found) == [due for due in DUES_NS if due >= START_NS]
    assert 100 < len(found) < len(DUES_NS)


def test_an_open_loop_expects_answered_less_due_of_what_fell_due_in_the_slice() -> None:
    before, after = (GUARD_NS - S, GUARD_NS - S + MS), (END_NS + S, END_NS + 2 * S)
    served = [(due + 40_000, due + 40_000 + n * 1_000) for n, due in enumerate(DUES_NS)]
    wanted = expected(a_truth(before, *served, after), PLANNED, OPEN, a_record(), ZERO_NS)
    in_guard = sum(due < START_NS for due in DUES_NS)
    service = [n * 1_000 for n in range(in_guard, len(DUES_NS))]
    assert list(wanted.service_ns) == service
    assert wanted.response_ns is not None
    assert list(wanted.response_ns) == [40_000 + each for each in service]


def test_a_request_too_few_or_too_many_is_no_match() -> None:
    served = [(due + 40_000, due + MS) for due in DUES_NS]
    for stamped in (served[1:], [*served, served[-1]]):
        with pytest.raises(UnmatchedError, match=f"{len(DUES_NS)} .* {len(stamped)} were stamped"):
            expected(a_truth(*stamped), PLANNED, OPEN, a_record(), ZERO_NS)


def test_a_closed_loop_expects_what_was_received_since_its_clocks_were_read() -> None:
    began_ns = START_NS + 30_000
    truth = a_truth(
        (began_ns - 1, began_ns + MS),
        (began_ns, began_ns + 2 * MS),
        (END_NS - 1, END_NS + 3 * MS),
        (END_NS, END_NS + MS),
    )
    wanted = expected(truth, PLANNED, CLOSED, a_record(), ZERO_NS)
    assert list(wanted.service_ns) == [2 * MS, 3 * MS + 1]
    assert wanted.response_ns is None


@pytest.mark.parametrize(
    ("dues_ms", "stalls_ms", "waits_ms"),
    [
        ([1, 5, 9], [], [0, 0, 0]),
        ([1, 5, 9], [(5, 8)], [0, 3, 0]),
        ([4, 5, 7, 8], [(5, 8)], [0, 3, 1, 0]),
        ([1, 6, 16], [(0, 2), (5, 8), (15, 20)], [1, 2, 4]),
        ([], [(5, 8)], []),
    ],
    ids=["no stall", "in it", "its edges", "several", "nobody"],
)
def test_arrivals_in_a_stall_wait_for_its_end(
    dues_ms: list[int], stalls_ms: list[tuple[int, int]], waits_ms: list[int]
) -> None:
    dues_ns = np.array(dues_ms, dtype=np.int64) * MS
    stalls_ns = tuple((began * MS, ended * MS) for began, ended in stalls_ms)
    assert list(stalled_waits_ns(dues_ns, stalls_ns)) == [wait * MS for wait in waits_ms]


@given(
    seed=st.integers(0, 1_000),
    stall_ms=st.integers(50, 900),
    quantile=st.floats(0.5, 0.999),
)
def test_a_stall_of_a_share_moves_the_quantiles_beyond_it(
    seed: int, stall_ms: int, quantile: float
) -> None:
    """Of arrivals spread evenly over 10 s, those of one stall wait between nothing and all of it:
    the quantile q of waits lies q − (1 − share) of the way in (up to what chance spreads)."""
    dues_ns = np.array(due_times_ns(Load("poisson", rate_rps=2_000), 0, 10 * S, seed))
    stall_ns = stall_ms * MS
    waits_ns = stalled_waits_ns(dues_ns, ((3 * S, 3 * S + stall_ns),))
    share = stall_ms / 10_000
    inside = max(0.0, (quantile - (1 - share)) / share)
    assert quantile_ns(waits_ns, quantile) == pytest.approx(inside * stall_ns, abs=0.06 * S)


@given(
    values_us=st.lists(st.integers(1, 1_000_000), min_size=1, max_size=300),
    quantile=st.sampled_from([0.5, 0.9, 0.99, 0.999]),
)
def test_a_true_quantile_is_read_by_the_rule_of_histograms(
    values_us: list[int], quantile: float
) -> None:
    values_ns = np.array(values_us, dtype=np.int64) * 1_000
    recorded = Histogram.of(int(value) for value in values_ns).quantile_ns(quantile)
    assert recorded == pytest.approx(quantile_ns(values_ns, quantile), rel=0.001, abs=1_000)


@pytest.mark.parametrize(
    ("requests", "ids", "overlaps"),
    [
        ([(0, 5), (5, 9)], ("id-000001", "id-000001"), 0),
        ([(0, 5), (4, 9)], ("id-000001", "id-000001"), 1),
        # Credentials 1 and 9 are one user's when there are eight; 1 and 2 are two users'.
        ([(0, 5), (4, 9)], ("id-000001", "id-000009"), 1),
        ([(0, 5), (4, 9)], ("id-000001", "id-000002"), 0),
        ([(0, 9), (1, 2), (3, 4)], ("id-000001", "id-000001", "id-000001"), 2),
    ],
)
def test_a_user_has_one_request_under_way(
    requests: list[tuple[int, int]], ids: tuple[str, ...], overlaps: int
) -> None:
    assert overlapping(a_truth(*requests, ids=ids), pool_users=8) == overlaps


def test_requests_are_put_in_the_order_received() -> None:
    told = {"requests": [["id-000002", 30, 40], ["id-000001", 10, 90]], "stalls": [[1, 2]]}
    truth = as_truth(told)
    assert truth.ids == ("id-000001", "id-000002")
    assert list(truth.received_ns) == [10, 30]
    assert list(truth.answered_ns) == [90, 40]
    assert truth.stalls_ns == ((1, 2),)


def test_a_record_without_its_requests_is_not_matched_with_another_slices() -> None:
    """The window ends when the slice was drained: what a later slice sent is not taken."""
    served = [(due + 40_000, due + MS) for due in DUES_NS[:-1]]
    next_slice = (END_NS + 100 * MS, END_NS + 101 * MS)
    record = dataclasses.replace(a_record(), drained_after_s=0.41)
    with pytest.raises(UnmatchedError):
        expected(a_truth(*served, next_slice), PLANNED, OPEN, record, ZERO_NS)

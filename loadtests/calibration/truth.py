"""Stamps -> what a slice should have recorded. Pure.

Service time is answered − received as stamped. Response time needs due times, which are known: the
seed draws them, and requests leave in their order (the pool is a queue), so the n-th due time is
the n-th request received. Where the kernel does not tell when one came, two that are due within
microseconds may be read in the other order; either then has a due time wrong by as little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from loadtests.calibration.scripted import Nanoseconds, Truth
from loadtests.model import Phase, PlannedSlice, SliceRecord
from loadtests.pacing import NS_PER_S, due_times_ns


class UnmatchedError(Exception):
    """The stamps are not those of the slice; the message gives both counts."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a slice's histograms should hold, in ns; no response times for a closed loop."""

    service_ns: Nanoseconds
    response_ns: Nanoseconds | None = None


def expected(
    truth: Truth, planned: PlannedSlice, phase: Phase, record: SliceRecord, zero_ns: int
) -> Expected:
    """Of the requests that fell into the slice's recorded time. `zero_ns`: the run's start.

    Raises UnmatchedError where an open loop's due times and requests differ in number.
    """
    times = _Times.of(phase, record, zero_ns)
    if phase.load.is_open:
        return _open(truth, planned, phase, times)
    return _closed(truth, times)


def dues_of(planned: PlannedSlice, phase: Phase, record: SliceRecord, zero_ns: int) -> Nanoseconds:
    """The due times within an open loop's recorded time, as the generator drew them."""
    times = _Times.of(phase, record, zero_ns)
    dues_ns = _drawn(planned, phase, times)
    return dues_ns[dues_ns >= times.start_ns]


def quantile_ns(values_ns: Nanoseconds, quantile: float) -> float:
    """The smallest value that `quantile` (0 … 1) of them do not exceed: the rule of Histogram."""
    rank = max(1, math.ceil(quantile * len(values_ns) - 1e-9))
    return float(np.partition(values_ns, rank - 1)[rank - 1])


def stalled_waits_ns(dues_ns: Nanoseconds, stalls_ns: tuple[tuple[int, int], ...]) -> Nanoseconds:
    """How long each arrival waits for a server that answers at once, but for its stalls: until
    the end of the stall it falls into, else not at all. `stalls_ns` do not overlap."""
    waits_ns = np.zeros(len(dues_ns), dtype=np.int64)
    for began_ns, ended_ns in stalls_ns:
        inside = (dues_ns >= began_ns) & (dues_ns < ended_ns)
        waits_ns[inside] = ended_ns - dues_ns[inside]
    return waits_ns


def overlapping(truth: Truth, pool_users: int) -> int:
    """How many requests came while another of the same user was unanswered: a user has one
    request under way. The credential is the id, and every `pool_users`-th belongs to one user."""
    answered_by: dict[int, int] = {}
    count = 0
    for id_, received_ns, answered_ns in zip(
        truth.ids, truth.received_ns, truth.answered_ns, strict=True
    ):
        owner = int(id_.rpartition("-")[2]) % pool_users
        count += int(received_ns) < answered_by.get(owner, 0)
        answered_by[owner] = max(answered_by.get(owner, 0), int(answered_ns))
    return count


@dataclass(frozen=True, slots=True)
class _Times:
    """A slice's edges in ns: guard, recorded time, last answer. `started_ns`: a closed loop's
    recorded time begins when its clocks were read, an open one's when planned."""

    guard_ns: int
    start_ns: int
    started_ns: int
    end_ns: int
    drained_ns: int

    @classmethod
    def of(cls, phase: Phase, record: SliceRecord, zero_ns: int) -> _Times:
        started_ns = zero_ns + round(record.started_s * NS_PER_S)
        end_ns = zero_ns + round((record.started_s + record.duration_s) * NS_PER_S)
        start_ns = end_ns - int(phase.slice_s * NS_PER_S)
        return cls(
            guard_ns=start_ns - int(phase.guard_s * NS_PER_S),
            start_ns=start_ns,
            started_ns=started_ns,
            end_ns=end_ns,
            drained_ns=started_ns + round(record.drained_after_s * NS_PER_S),
        )


def _drawn(planned: PlannedSlice, phase: Phase, times: _Times) -> Nanoseconds:
    dues_ns = due_times_ns(phase.load, times.guard_ns, times.end_ns, planned.seed)
    return np.array(dues_ns, dtype=np.int64)


def _closed(truth: Truth, times: _Times) -> Expected:
    """By when they were received: a request sent within microseconds of either end may differ."""
    inside = (truth.received_ns >= times.started_ns) & (truth.received_ns < times.end_ns)
    return Expected(truth.answered_ns[inside] - truth.received_ns[inside])


def _open(truth: Truth, planned: PlannedSlice, phase: Phase, times: _Times) -> Expected:
    dues_ns = _drawn(planned, phase, times)
    inside = (truth.received_ns >= times.guard_ns) & (truth.received_ns < times.drained_ns)
    received_ns, answered_ns = truth.received_ns[inside], truth.answered_ns[inside]
    if len(dues_ns) != len(received_ns):
        raise UnmatchedError(f"{len(dues_ns)} requests fell due, {len(received_ns)} were stamped")
    recorded = dues_ns >= times.start_ns
    return Expected(
        service_ns=(answered_ns - received_ns)[recorded],
        response_ns=(answered_ns - dues_ns)[recorded],
    )

"""Three clocks -> histograms per slice and endpoint.

During a slice a request costs one list append; histograms are built in the next guard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from loadtests.histogram import Histogram
from loadtests.model import EndpointRecord, WireBytes


class Stamp(NamedTuple):
    """One request: where to, how it ended, its three clocks in ns, and its bytes."""

    endpoint: str
    outcome: int | str
    due_ns: int
    sent_ns: int
    done_ns: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What the stamps of a slice add up to."""

    endpoints: dict[str, EndpointRecord]
    dispatch_lag: str
    completed: int
    recorded: int
    sent: int
    wire_bytes: WireBytes
    under_way_ns: int


def tally(stamps: Iterable[Stamp], start_ns: int, end_ns: int, *, by_due: bool) -> Tally:
    """Sums up the requests that belong to [start_ns, end_ns), by due time or by sent time.

    `sent` are those sent within it, whenever they were due: a generator that falls behind sends
    fewer than are due. Every request done since `start_ns` counts as completed and in the bytes:
    CPU is read over the same stretch. Failures (no status) have no latency, only an outcome.
    `under_way_ns` counts of every request the part from due to done that lies within.
    """
    stamps = list(stamps)
    completed = [stamp for stamp in stamps if stamp.done_ns >= start_ns]
    clock = attrgetter("due_ns" if by_due else "sent_ns")
    recorded = [stamp for stamp in stamps if start_ns <= clock(stamp) < end_ns]
    return Tally(
        endpoints={
            name: _endpoint([stamp for stamp in recorded if stamp.endpoint == name])
            for name in sorted({stamp.endpoint for stamp in recorded})
        },
        dispatch_lag=Histogram.of(s.sent_ns - s.due_ns for s in recorded).to_text(),
        completed=len(completed),
        recorded=len(recorded),
        sent=sum(start_ns <= stamp.sent_ns < end_ns for stamp in stamps),
        wire_bytes=WireBytes(
            sent=sum(stamp.sent_bytes for stamp in completed),
            received=sum(stamp.received_bytes for stamp in completed),
        ),
        under_way_ns=sum(
            max(0, min(stamp.done_ns, end_ns) - max(stamp.due_ns, start_ns)) for stamp in completed
        ),
    )


def merge(shares: Sequence[Tally]) -> Tally:
    """What one tally of all the stamps together would have been, to the bit."""
    return Tally(
        endpoints={
            name: _together([s.endpoints[name] for s in shares if name in s.endpoints])
            for name in sorted({name for share in shares for name in share.endpoints})
        },
        dispatch_lag=_added(share.dispatch_lag for share in shares),
        completed=sum(share.completed for share in shares),
        recorded=sum(share.recorded for share in shares),
        sent=sum(share.sent for share in shares),
        wire_bytes=WireBytes(
            sent=sum(share.wire_bytes.sent for share in shares),
            received=sum(share.wire_bytes.received for share in shares),
        ),
        under_way_ns=sum(share.under_way_ns for share in shares),
    )


def _together(records: Sequence[EndpointRecord]) -> EndpointRecord:
    outcomes: Counter[str] = Counter()
    for record in records:
        outcomes.update(record.outcomes)
    return EndpointRecord(
        outcomes=dict(outcomes),
        response=_added(record.response for record in records),
        service=_added(record.service for record in records),
    )


def _added(texts: Iterable[str]) -> str:
    total = Histogram()
    for text in texts:
        total.merge(Histogram.from_text(text))
    return total.to_text()


def _endpoint(stamps: list[Stamp]) -> EndpointRecord:
    answered = [stamp for stamp in stamps if isinstance(stamp.outcome, int)]
    return EndpointRecord(
        outcomes=dict(Counter(str(stamp.outcome) for stamp in stamps)),
        response=Histogram.of(s.done_ns - s.due_ns for s in answered).to_text(),
        service=Histogram.of(s.done_ns - s.sent_ns for s in answered).to_text(),
    )

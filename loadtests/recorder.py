"""Three clocks -> histograms per slice and endpoint.

During a slice a request costs one list append; histograms are built in the next guard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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
    wire_bytes: WireBytes


def tally(stamps: Iterable[Stamp], start_ns: int, end_ns: int, *, by_due: bool) -> Tally:
    """Sums up the requests that belong to [start_ns, end_ns), by due time or by sent time.

    Every request done since `start_ns` counts as completed and in the bytes: CPU is read over
    the same stretch. Failures (no status) have no latency, only an outcome.
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
        wire_bytes=WireBytes(
            sent=sum(stamp.sent_bytes for stamp in completed),
            received=sum(stamp.received_bytes for stamp in completed),
        ),
    )


def _endpoint(stamps: list[Stamp]) -> EndpointRecord:
    answered = [stamp for stamp in stamps if isinstance(stamp.outcome, int)]
    return EndpointRecord(
        outcomes=dict(Counter(str(stamp.outcome) for stamp in stamps)),
        response=Histogram.of(s.done_ns - s.due_ns for s in answered).to_text(),
        service=Histogram.of(s.done_ns - s.sent_ns for s in answered).to_text(),
    )

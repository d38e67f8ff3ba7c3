"""Findings about the generator's own accounts: counts that must agree, and who is at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.checks.measures import is_success, merged
from loadtests.checks.rules import BOOKKEEPING
from loadtests.model import Finding, Phase, SliceRecord

# What rounding and stamps taken a moment apart leave open.
LITTLE_TOLERANCE = 0.05


def book_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    """The first contradiction, and how many slices have one."""
    broken = [why for record in slices for why in contradictions(record)[:1]]
    if not broken:
        return []
    detail = f"{broken[0]} (in {len(broken)} of {len(slices)} slices)"
    return [BOOKKEEPING.found(arm, phase.name, detail)]


def contradictions(record: SliceRecord) -> list[str]:
    """What in a slice's accounts cannot be true, a line each."""
    return [*_lost(record), *_against_little(record)]


def _lost(record: SliceRecord) -> list[str]:
    books = record.books
    if books is None or books.sent == books.ended + books.in_flight:
        return []
    return [f"{books.sent} sent, but {books.ended} ended and {books.in_flight} under way"]


def _against_little(record: SliceRecord) -> list[str]:
    """A closed loop's users are always at it: its next request is due when a user's last answer
    is in, so as many requests are under way as there are users."""
    users = record.load.users
    if users is None or not record.endpoints or not _all_answered(record):
        return []
    if record.mean_under_way is None:
        return _against_little_of_means(record, users)
    if abs(record.mean_under_way / users - 1) <= LITTLE_TOLERANCE:
        return []
    return [f"{record.mean_under_way:.2f} requests at once, from {users} users"]


def _against_little_of_means(record: SliceRecord, users: int) -> list[str]:
    """Response times add up to users × time: L = λ·W (Little, Operations Research 9(3), 1961).

    A request belongs to a slice whole, by when it was sent, so up to one response time a user lies
    on the wrong side of either edge. Between two requests a user waits for the generator, but all
    of them together no longer than it works.
    """
    responses = merged(endpoint.response for endpoint in record.endpoints.values())
    if not responses.count:
        return []
    at_once = responses.total_ns / 1e9 / record.duration_s
    edge = 2 * responses.total_ns / responses.count / 1e9 / record.duration_s
    tolerance = max(LITTLE_TOLERANCE, edge)
    between = (record.cpu_s.generator or 0.0) / record.drained_after_s / users
    if 1 - tolerance - between <= at_once / users <= 1 + tolerance:
        return []
    return [f"{at_once:.2f} requests at once by Little's law, from {users} users"]


def _all_answered(record: SliceRecord) -> bool:
    return all(
        is_success(outcome)
        for endpoint in record.endpoints.values()
        for outcome in endpoint.outcomes
    )

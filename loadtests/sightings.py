"""What the probes of a revocation trial saw, and the lines that say it. Pure.

What is known of a replica's lag is an interval: from the last accepted probe's sending to the
first refused one's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from loadtests.model import RevocationRecord, RevokeOutcome
from loadtests.trial_plans import TrialPlan

_NS_PER_S = 1_000_000_000
# A gap this many times as long as asked counts as wide.
WIDE = 2


@dataclass(slots=True)
class Sightings:
    """What probes of one replica saw, as sent times in ns; answers that neither accept nor refuse
    tell nothing about the credential and are only counted.

    `scheduled` is how many of the probes kept to the schedule; those after them came when they
    were needed. None: all.
    """

    sent_ns: list[int] = field(default_factory=list)
    accepted_ns: list[int] = field(default_factory=list)
    refused_ns: list[int] = field(default_factory=list)
    refusals_in_a_row: int = 0
    refused_by_ns: int | None = None
    scheduled: int | None = None

    def note(self, is_accepted: bool | None, sent_ns: int, done_ns: int) -> None:
        self.sent_ns.append(sent_ns)
        if is_accepted is None:
            return
        if is_accepted:
            self.accepted_ns.append(sent_ns)
            self.refusals_in_a_row = 0
            return
        self.refused_ns.append(sent_ns)
        self.refusals_in_a_row += 1
        if self.refused_by_ns is None:
            self.refused_by_ns = done_ns

    @property
    def reaccepted(self) -> int:
        """Acceptances sent after a refusal had been heard. Requests of several connections may
        overtake each other, so one that was only sent later than a refused one proves nothing."""
        heard_ns = self.refused_by_ns
        return sum(heard_ns is not None and t > heard_ns for t in self.accepted_ns)


@dataclass(frozen=True, slots=True)
class Revoke:
    """The revoke itself: how it ended and when it was sent and acknowledged."""

    outcome: RevokeOutcome
    sent_ns: int
    acked_ns: int
    effective_within_s: float | None


def revoke_outcome(status: int | None) -> RevokeOutcome:
    """None: no answer came."""
    if status in {200, 202}:
        return "ok"
    return "refused" if status is not None and 400 <= status < 500 else "indeterminate"


def lag_interval_s(
    sightings: Sightings, acked_ns: int
) -> tuple[int | None, int | None, float, float | None]:
    """(last accepted sent, first rejected sent after it, lag_low_s, lag_high_s); see DESIGN."""
    last_ns = max(sightings.accepted_ns, default=None)
    after_ns = [t for t in sightings.refused_ns if last_ns is None or t > last_ns]
    first_ns = min(after_ns, default=None)
    low_s = max(0.0, (last_ns - acked_ns) / _NS_PER_S) if last_ns is not None else 0.0
    high_s = max(0.0, (first_ns - acked_ns) / _NS_PER_S) if first_ns is not None else None
    return last_ns, first_ns, low_s, high_s


def gaps_s(sightings: Sightings) -> list[float]:
    """Between the scheduled probes of one replica, ascending."""
    sent_ns = sorted(sightings.sent_ns[: sightings.scheduled])
    return sorted((later - sooner) / _NS_PER_S for sooner, later in pairwise(sent_ns))


def records(
    plan: TrialPlan,
    revoke: Revoke,
    sightings: Sequence[Sightings],
    *,
    block: int,
    phase: str,
    run_started_ns: int,
    ttl_s: float | None,
) -> list[RevocationRecord]:
    """One line a replica; the load beside them is known when their slice has ended."""

    def since_start_s(at_ns: int | None) -> float | None:
        return None if at_ns is None else (at_ns - run_started_ns) / _NS_PER_S

    lines = []
    for replica, seen in enumerate(sightings):
        last_ns, first_ns, low_s, high_s = lag_interval_s(seen, revoke.acked_ns)
        until_ns = math.inf if first_ns is None else first_ns
        gaps = gaps_s(seen)
        last_sent_ns = max(seen.sent_ns, default=revoke.acked_ns)
        lines.append(
            RevocationRecord(
                block=block,
                trial=plan.trial,
                arm=plan.target.arm,
                how=plan.how,
                via_replica=plan.via_replica,
                replica=replica,
                revoke=revoke.outcome,
                sent_s=(revoke.sent_ns - run_started_ns) / _NS_PER_S,
                acked_s=(revoke.acked_ns - run_started_ns) / _NS_PER_S,
                effective_within_s=revoke.effective_within_s,
                last_accepted_sent_s=since_start_s(last_ns),
                first_rejected_sent_s=since_start_s(first_ns),
                lag_low_s=low_s,
                lag_high_s=high_s,
                probes=len(seen.sent_ns),
                accepted_after_ack=sum(t > revoke.acked_ns for t in seen.accepted_ns),
                reaccepted=seen.reaccepted,
                load_fraction=0.0,
                phase=phase,
                probe_every_s=plan.probe_every_s,
                spacing_p99_s=gaps[math.ceil(0.99 * len(gaps)) - 1] if gaps else None,
                wide_gaps=sum(gap > WIDE * plan.probe_every_s for gap in gaps),
                requests_at_risk=sum(revoke.acked_ns < t < until_ns for t in seen.sent_ns),
                watched_s=max(0.0, (last_sent_ns - revoke.acked_ns) / _NS_PER_S),
                ttl_s=ttl_s,
            )
        )
    return lines

"""What was measured: a line of slices.jsonl, of revocations.jsonl, outages.jsonl or
tabs.jsonl.

Times: monotonic seconds from the run's start, unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.model.experiment import Load

SCHEMA = 1

RevokeOutcome = Literal["ok", "refused", "indeterminate"]
TabsOutcome = Literal["kept", "logged_out", "unknown"]
# What becomes of requests while the store is away: refused from the beginning, refused once the
# law's bound is over, answered all the while, or never touched for want of a store.
OutagePolicy = Literal["at_once", "within_law", "serves", "unaffected"]
# A kick ends every login of a user, a logout one, a change of role none.
RevokeKind = Literal["kick", "logout", "role"]


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """What one endpoint did in a slice: counts by status or failure, and two histograms.

    `response` counts from due, `service` from sent; both are HDR histograms of nanoseconds in
    the library's base64 form, over every answered request.
    """

    outcomes: Mapping[str, int]
    response: str
    service: str


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU spent by component in [slice start, drained]; null where it cannot be read.

    `proxy`: what stands between servers and store; null where nothing does.
    """

    server: float | None
    store: float | None
    generator: float | None
    proxy: float | None = None


@dataclass(frozen=True, slots=True)
class WireBytes:
    """Bytes of HTTP the generator sent and received in [slice start, drained]."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class Books:
    """Requests since a slice was opened, its guard included, counted in three places: as they
    were sent, as they ended (answered or failed), and those still under way after the drain."""

    sent: int
    ended: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What one of several generator processes did in a slice.

    `cpu` is the one it is pinned to (null: any), `cpu_s` its CPU seconds, `completed` as in the
    slice, `lead_s` how long before the guard it had its part (below 0: too late).
    """

    cpu: int | None
    cpu_s: float | None
    completed: int
    lead_s: float


@dataclass(frozen=True, slots=True)
class AddedDelay:
    """What a proxy before the store added to `round_trips`, asked to add `asked_s` to each.

    `p50_s`, `p99_s`, `max_s`: how long it held a request and its answer, together.
    `trip_p50_s`, `trip_p99_s`: from a request's arrival to its answer's leaving, with what the
    store took; a read that blocks at the store counts with its wait. Null without round trips.
    """

    asked_s: float
    round_trips: int
    p50_s: float | None
    p99_s: float | None
    max_s: float | None
    trip_p50_s: float | None
    trip_p99_s: float | None


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """A line of slices.jsonl: one slice as measured.

    `duration_s` is the recorded time, `drained_after_s` the time until the last answer, both
    from `started_s`; `completed` counts every request completed in [start, drained], also those
    sent in the guard, and is what CPU and bytes divide by. `offered` counts the due requests of
    an open loop, `sent` those that left within the recorded time, whenever they were due, and
    `mean_under_way` how many were due and not done, in its mean (null: not counted then),
    `pool_exhausted` those that found no idle user. `cpu_mhz` is the clock of the servers' CPUs and
    `throttled` how often heat held a CPU back; null where not readable. `workers` is empty where
    one process generated all of the load. `added_delay` is of the slice and its guard, null where
    no proxy stands before a store. `not_begun`: revocation trials for which there was no time.
    """

    block: int
    phase: str
    round: int
    attempt: int
    arm: str
    replicas: int
    started_s: float
    duration_s: float
    drained_after_s: float
    load: Load
    endpoints: Mapping[str, EndpointRecord]
    completed: int
    offered: int
    unsent: int
    pool_exhausted: int
    dispatch_lag: str
    cpu_s: CpuSeconds
    steal_s: float | None
    foreign_cpu_s: float | None
    wire_bytes: WireBytes
    books: Books | None = None
    cpu_mhz: float | None = None
    throttled: int | None = None
    added_delay: AddedDelay | None = None
    findings: tuple[str, ...] = ()
    workers: tuple[WorkerShare, ...] = ()
    sent: int | None = None
    mean_under_way: float | None = None
    not_begun: int = 0
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """A line of revocations.jsonl: one trial as one replica saw it.

    `lag_high_s` null: it never refused; `effective_within_s`: the server's promise, null: never.
    Of a change of role "accepted" is the old role and "refused" the new one, or a 401.

    `reaccepted` counts acceptances sent after a refusal had been heard, `requests_at_risk` the
    probes between the acknowledgement and the first lasting refusal. `probe_every_s` was asked,
    `spacing_p99_s` was achieved, and `wide_gaps` of the gaps between probes were over twice what
    was asked. `watched_s` is from the acknowledgement to the last probe, `ttl_s` the life of the
    victim's credential (null: it never expires). `load_fraction` is what was offered, probes
    included, as a share of the arm's capacity in this block; `load_asked` what was asked for.
    """

    block: int
    trial: int
    arm: str
    how: RevokeKind
    via_replica: int
    replica: int
    revoke: RevokeOutcome
    sent_s: float
    acked_s: float
    effective_within_s: float | None
    last_accepted_sent_s: float | None
    first_rejected_sent_s: float | None
    lag_low_s: float
    lag_high_s: float | None
    probes: int
    accepted_after_ack: int
    reaccepted: int
    load_fraction: float
    phase: str = "revocation"
    probe_every_s: float | None = None
    spacing_p99_s: float | None = None
    wide_gaps: int = 0
    requests_at_risk: int = 0
    watched_s: float | None = None
    ttl_s: float | None = None
    load_asked: float | None = None
    schema: int = SCHEMA

    @property
    def is_telling(self) -> bool:
        """Whether it says anything about the lag; a replica that only failed does not."""
        answered = self.lag_high_s is not None or self.accepted_after_ack > 0
        return self.revoke == "ok" and answered


@dataclass(frozen=True, slots=True)
class OutageRecord:
    """A line of outages.jsonl: what one arm went through in one trial of one fault.

    `started_s` as everywhere; `fault_s`, `mended_s`, `ended_s`, `first_error_s` and `recovered_s`
    count from it. `bins` hold the outcomes of the good users' requests by due time, one a `bin_s`.
    `hung`: requests without an outcome for eight of the store's time-outs. `recovered_s`: the begin
    of the first second after the mend in which 99.9% succeed (null: none; `fault_s`: nothing ever
    failed). `false_accepts` are later than the law allows, `accepted_after_ack` all that a revoke
    did not stop yet, each with how late the latest was sent; `logged_out` are refusals that the
    law announces for this fault. `added_delay` is what the way to the store really cost, and
    `busy_share` how much of the machine's CPU was in use (null: not measured).
    """

    block: int
    phase: str
    fault: str
    trial: int
    arm: str
    replicas: int
    started_s: float
    fault_s: float
    mended_s: float
    ended_s: float
    bin_s: float
    bins: tuple[Mapping[str, int], ...]
    first_error_s: float | None
    worst_response_s: float
    hung: int
    recovered_s: float | None
    revokes_ok: int
    revokes_refused: int
    revokes_indeterminate: int
    probes: int
    accepted_after_ack: int
    accepted_after_ack_worst_s: float
    false_accepts: int
    false_accept_worst_s: float
    false_rejects: int
    logged_out: int
    policy: OutagePolicy
    policy_held: bool
    policy_why: str | None
    added_delay_p50_s: float | None = None
    added_delay_p99_s: float | None = None
    busy_share: float | None = None
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Replay:
    """A rotated refresh token shown once more, by a thief.

    Between `replayed_after_s` (from the rotation's answer to the replay's sending) and `at_most_s`
    (from the rotation's sending to the replay's answer) lies its age as the store saw it.
    """

    replayed_after_s: float
    at_most_s: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class TabsRecord:
    """A line of tabs.jsonl: one browser whose tabs refreshed with the same token, or, where there
    is a `thief`, one login whose token was replayed after its rotation.

    `spread_s` lies between the sending of the first tab's request and the last's; the last of them
    was handled between `apart_low_s` and `apart_high_s` after the rotation. Replays come in the
    order they were made; `family_ended` says whether the owner was out after one was refused
    (null: none was, or nobody can tell).
    """

    block: int
    phase: str
    trial: int
    arm: str
    grace_s: float
    tabs: int
    within_s: float
    started_s: float
    spread_s: float
    apart_low_s: float
    apart_high_s: float
    refused_tabs: int
    outcome: TabsOutcome
    thief: tuple[Replay, ...] | None = None
    family_ended: bool | None = None
    schema: int = SCHEMA

"""Findings about one arm in one phase, and about one slice. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from loadtests.checks.books import book_findings, contradictions
from loadtests.checks.measures import (
    error_rate,
    generator_busy,
    is_disturbed,
    merged,
    server_busy,
    store_busy,
)
from loadtests.checks.rules import (
    AT_CPU_LIMIT,
    BOOKKEEPING,
    CAPACITY_NOT_REACHED,
    CPU_UNREAD,
    DISPATCH_LAG,
    DISTURBED,
    ERRORS,
    GENERATOR_SATURATED,
    LATE_WORKER,
    NEAR_GENERATOR_LIMIT,
    OFFERED_RATE_MISSED,
    POOL_EXHAUSTED,
    SATURATED,
    UNSENT,
)
from loadtests.checks.trend import trend_findings
from loadtests.model import Finding, Phase, Placement, SliceRecord

# Beyond this the generator queues requests itself and its own wait shows in every latency.
GENERATOR_BUSY_LIMIT = 0.85
# Above this the harness is not measured against a known answer.
CALIBRATED_BUSY = 0.60
# Below this something else than the servers was the limit, so it was no capacity.
CAPACITY_BUSY_MINIMUM = 0.90
# As much as counts as capacity: beyond it a queue grows with the length of the slice.
CPU_LIMIT = CAPACITY_BUSY_MINIMUM
# What an honest service may lose; more means that errors, not requests, were measured.
ERROR_RATE_LIMIT = 0.001
# An open loop that misses its rate measured another load than it says.
OFFERED_RATE_TOLERANCE = 0.05
# The generator's own part of a response time; above it the latencies are not the servers'.
DISPATCH_LAG_P99_LIMIT_NS = 1_000_000


def slice_findings(record: SliceRecord, phase: Phase) -> tuple[str, ...]:
    """Names of what is wrong with one slice, for its own line."""
    rules = [
        (SATURATED.name in record.findings, SATURATED),
        (LATE_WORKER.name in record.findings, LATE_WORKER),
        (record.unsent > 0, UNSENT),
        (record.pool_exhausted > 0, POOL_EXHAUSTED),
        (error_rate([record]) > ERROR_RATE_LIMIT, ERRORS),
        (generator_busy([record]) >= GENERATOR_BUSY_LIMIT, GENERATOR_SATURATED),
        (bool(contradictions(record)), BOOKKEEPING),
    ]  # fmt: skip
    return tuple(rule.name for broken, rule in rules if broken)


def phase_findings(
    phase: Phase, arm: str, slices: Sequence[SliceRecord], placement: Placement
) -> list[Finding]:
    """Everything to say about one arm in one phase, over all its blocks.

    Nothing for an `slo` phase, which goes beyond every limit on purpose: `search_checks` judges it.
    """
    if not slices or phase.search is not None:
        return []
    findings = [
        *_load_findings(phase, arm, slices),
        *_generator_findings(phase, arm, slices),
        *_unread_findings(phase, arm, slices),
        *_capacity_findings(phase, arm, slices, placement),
        *_limit_findings(phase, arm, slices, placement),
        *book_findings(phase, arm, slices),
        *trend_findings(phase, arm, slices),
    ]
    rate = error_rate(slices)
    if rate > ERROR_RATE_LIMIT:
        findings.append(ERRORS.found(arm, phase.name, f"{rate:.2%}"))
    return findings


def disturbance_findings(
    phase: Phase, by_arm: Mapping[str, Sequence[SliceRecord]], cpus: int
) -> list[Finding]:
    """Rounds that stayed disturbed after every repeat, counted over a phase."""
    rounds: dict[tuple[int, int], list[SliceRecord]] = defaultdict(list)
    for slices in by_arm.values():
        for each in slices:
            rounds[each.block, each.round].append(each)
    disturbed = sum(is_disturbed(slices, cpus) for slices in rounds.values())
    if not disturbed:
        return []
    return [DISTURBED.found(None, phase.name, f"{disturbed} of {len(rounds)} rounds")]


def _load_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    findings = []
    unsent = sum(s.unsent for s in slices)
    if unsent:
        findings.append(UNSENT.found(arm, phase.name, f"{unsent} requests"))
    late = sum(LATE_WORKER.name in s.findings for s in slices)
    if late:
        detail = f"{late} of {len(slices)} slices"
        findings.append(LATE_WORKER.found(arm, phase.name, detail))
    exhausted = sum(s.pool_exhausted for s in slices)
    if exhausted:
        findings.append(POOL_EXHAUSTED.found(arm, phase.name, f"{exhausted} requests"))
    if phase.load.is_open and phase.kind == "latency":
        findings += _pace_findings(phase, arm, slices)
    return findings


def _pace_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    findings = []
    expected = (phase.load.rate_rps or 0) * sum(s.duration_s for s in slices)
    # What was due is known beforehand; what left in its time is the load.
    sent = sum(s.offered if s.sent is None else s.sent for s in slices)
    # Poisson counts scatter by their square root; only what lies beyond counts.
    tolerance = max(OFFERED_RATE_TOLERANCE * expected, 4 * expected**0.5)
    if abs(sent - expected) > tolerance:
        detail = f"{sent} of {expected:.0f} requests left in the time of their slices"
        findings.append(OFFERED_RATE_MISSED.found(arm, phase.name, detail))
    lag = merged(s.dispatch_lag for s in slices).quantile_ns(0.99)
    if lag is not None and lag > DISPATCH_LAG_P99_LIMIT_NS:
        detail = f"p99 of sent − due {lag / 1e6:.2f} ms"
        findings.append(DISPATCH_LAG.found(arm, phase.name, detail))
    return findings


def _generator_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    busy = generator_busy(slices)
    if busy >= GENERATOR_BUSY_LIMIT:
        return [GENERATOR_SATURATED.found(arm, phase.name, f"{busy:.0%} of a core")]
    if busy >= CALIBRATED_BUSY and phase.kind in {"capacity", "latency"}:
        return [NEAR_GENERATOR_LIMIT.found(arm, phase.name, f"{busy:.0%} of a core")]
    return []


def _unread_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    """Where `_capacity_findings` or `_limit_findings` cannot judge."""
    unread = sum(s.cpu_s.server is None or s.cpu_s.store is None for s in slices)
    if not unread or phase.kind not in {"capacity", "latency"}:
        return []
    return [CPU_UNREAD.found(arm, phase.name, f"{unread} of {len(slices)} slices")]


def _capacity_findings(
    phase: Phase, arm: str, slices: Sequence[SliceRecord], placement: Placement
) -> list[Finding]:
    busy = server_busy(slices, placement)
    if phase.kind != "capacity" or busy is None or busy >= CAPACITY_BUSY_MINIMUM:
        return []
    return [CAPACITY_NOT_REACHED.found(arm, phase.name, f"{busy:.0%} busy")]


def _limit_findings(
    phase: Phase, arm: str, slices: Sequence[SliceRecord], placement: Placement
) -> list[Finding]:
    if phase.kind != "latency":
        return []
    busy = {"servers": server_busy(slices, placement), "store": store_busy(slices)}
    return [
        AT_CPU_LIMIT.found(arm, phase.name, f"{what} {share:.0%} busy")
        for what, share in busy.items()
        if share is not None and share >= CPU_LIMIT
    ]

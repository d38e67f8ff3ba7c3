"""Slices -> findings: named reasons to doubt a measurement, each with advice. Pure.

Thresholds stand beside their reason. A finding about an arm in a phase is judged on the phase's
slices together, so that one odd second does not condemn a run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from loadtests.histogram import Histogram
from loadtests.model import (
    BlockFacts,
    Finding,
    Phase,
    Placement,
    RevocationRecord,
    RunRecord,
    SliceRecord,
    StoreInfo,
)
from loadtests.rules import (
    CAPACITY_NOT_REACHED,
    DISPATCH_LAG,
    DISTURBED,
    ERRORS,
    GENERATOR_SATURATED,
    IMPOSSIBLE,
    LAW_BROKEN,
    OFFERED_RATE_MISSED,
    POOL_EXHAUSTED,
    SATURATED,
    SHARED_STORE,
    TRIALS_LOST,
    UNPINNED,
    UNSENT,
)
from loadtests.search import Search

# Beyond this the generator queues requests itself and its own wait shows in every latency.
GENERATOR_BUSY_LIMIT = 0.85
# Below this something else than the servers was the limit, so it was no capacity.
CAPACITY_BUSY_MINIMUM = 0.90
# What an honest service may lose; more means that errors, not requests, were measured.
ERROR_RATE_LIMIT = 0.001
# The steps of the kernel's counters are 10 ms a CPU, so less cannot be told from nothing.
DISTURBANCE_LIMIT = 0.02
# An open loop that misses its rate measured another load than it says.
OFFERED_RATE_TOLERANCE = 0.05
# The generator's own part of a response time; above it the latencies are not the servers'.
DISPATCH_LAG_P99_LIMIT_NS = 1_000_000


def disturbance(slices: Sequence[SliceRecord], cpus: int) -> float | None:
    """Steal and foreign CPU as a share of all CPU time of these slices; None where unreadable."""
    if not slices or any(s.steal_s is None or s.foreign_cpu_s is None for s in slices):
        return None
    taken_s = sum((s.steal_s or 0.0) + (s.foreign_cpu_s or 0.0) for s in slices)
    return taken_s / (cpus * sum(s.drained_after_s for s in slices))


def is_disturbed(slices: Sequence[SliceRecord], cpus: int) -> bool:
    share = disturbance(slices, cpus)
    return share is not None and share > DISTURBANCE_LIMIT


def error_rate(slices: Sequence[SliceRecord]) -> float:
    """Failed requests (status ≥ 400, or no answer) ÷ all recorded ones; 0 when there are none."""
    outcomes = [
        (outcome, count)
        for s in slices
        for endpoint in s.endpoints.values()
        for outcome, count in endpoint.outcomes.items()
    ]
    failed = sum(count for outcome, count in outcomes if not is_success(outcome))
    return failed / max(1, sum(count for _outcome, count in outcomes))


def is_success(outcome: str) -> bool:
    return outcome.isdigit() and int(outcome) < 400


def slice_findings(record: SliceRecord, phase: Phase) -> tuple[str, ...]:
    """Names of what is wrong with one slice, for its own line."""
    rules = [
        (SATURATED.name in record.findings, SATURATED),
        (record.unsent > 0, UNSENT),
        (record.pool_exhausted > 0, POOL_EXHAUSTED),
        (error_rate([record]) > ERROR_RATE_LIMIT, ERRORS),
        (phase.kind in {"capacity", "slo"} and generator_busy([record]) >= GENERATOR_BUSY_LIMIT,
         GENERATOR_SATURATED),
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
        *_capacity_findings(phase, arm, slices, placement),
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


def run_findings(run: RunRecord) -> list[Finding]:
    """What a run's circumstances say before anything is measured."""
    return [*_circumstances(run.store, run.placement), *_impossible_arms(run.blocks)]


def _impossible_arms(blocks: Sequence[BlockFacts]) -> list[Finding]:
    """Arms that some block left out, each with the first block's reason."""
    reasons: dict[str, str] = {}
    for block in blocks:
        for arm, facts in block.arms.items():
            if facts.impossible is not None:
                reasons.setdefault(arm, facts.impossible)
    return [IMPOSSIBLE.found(arm, None, why) for arm, why in reasons.items()]


def _circumstances(store: StoreInfo, placement: Placement) -> list[Finding]:
    findings = []
    if store.shared:
        findings.append(SHARED_STORE.found(None, None, ""))
    if not placement.generator_cpus:
        findings.append(UNPINNED.found(None, None, ""))
    return findings


def revocation_findings(
    phase: Phase, arm: str, trials: Sequence[RevocationRecord], slices: Sequence[SliceRecord]
) -> list[Finding]:
    """Laws broken (a proven acceptance later than promised) and trials that told nothing.

    `slices` are those of the arm in the phase: each should have given a line for every trial and
    replica.
    """
    findings = []
    broken = [
        t
        for t in trials
        if t.revoke == "ok"
        and t.effective_within_s is not None
        and t.lag_low_s > t.effective_within_s
    ]
    if broken:
        worst = max(broken, key=lambda t: t.lag_low_s)
        detail = (
            f"trial {worst.trial} of block {worst.block}, replica {worst.replica}: "
            f"{worst.lag_low_s:.4f} s, promised {worst.effective_within_s} s"
        )
        findings.append(LAW_BROKEN.found(arm, phase.name, detail))
    per_slice = phase.trials.per_slice if phase.trials is not None else 0
    expected = max(len(trials), per_slice * sum(s.replicas for s in slices))
    lost = expected - sum(t.is_telling for t in trials)
    if lost:
        detail = f"{lost} of {expected} replica-trials"
        findings.append(TRIALS_LOST.found(arm, phase.name, detail))
    return findings


def _load_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    findings = []
    unsent = sum(s.unsent for s in slices)
    if unsent:
        findings.append(UNSENT.found(arm, phase.name, f"{unsent} requests"))
    exhausted = sum(s.pool_exhausted for s in slices)
    if exhausted:
        findings.append(POOL_EXHAUSTED.found(arm, phase.name, f"{exhausted} requests"))
    if phase.load.is_open and phase.kind == "latency":
        findings += _pace_findings(phase, arm, slices)
    return findings


def _pace_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    findings = []
    expected = (phase.load.rate_rps or 0) * sum(s.duration_s for s in slices)
    offered = sum(s.offered for s in slices)
    # Poisson counts scatter by their square root; only what lies beyond counts.
    tolerance = max(OFFERED_RATE_TOLERANCE * expected, 4 * expected**0.5)
    if abs(offered - expected) > tolerance:
        detail = f"{offered} of {expected:.0f} requests"
        findings.append(OFFERED_RATE_MISSED.found(arm, phase.name, detail))
    lag = merged(s.dispatch_lag for s in slices).quantile_ns(0.99)
    if lag is not None and lag > DISPATCH_LAG_P99_LIMIT_NS:
        detail = f"p99 of sent − due {lag / 1e6:.2f} ms"
        findings.append(DISPATCH_LAG.found(arm, phase.name, detail))
    return findings


def _capacity_findings(
    phase: Phase, arm: str, slices: Sequence[SliceRecord], placement: Placement
) -> list[Finding]:
    if phase.kind != "capacity":
        return []
    findings = []
    generator = generator_busy(slices)
    if generator >= GENERATOR_BUSY_LIMIT:
        findings.append(GENERATOR_SATURATED.found(arm, phase.name, f"{generator:.0%} of its core"))
    servers = server_busy(slices, placement)
    if servers is not None and servers < CAPACITY_BUSY_MINIMUM:
        findings.append(CAPACITY_NOT_REACHED.found(arm, phase.name, f"{servers:.0%} busy"))
    return findings


def server_busy(slices: Sequence[SliceRecord], placement: Placement) -> float | None:
    """CPU spent ÷ CPU there was for the servers (with the store, where it shares their CPUs)."""
    if any(s.cpu_s.server is None or s.cpu_s.store is None for s in slices):
        return None
    shares = bool(set(placement.server_cpus) & set(placement.store_cpus))
    spent_s = sum((s.cpu_s.server or 0) + (shares and (s.cpu_s.store or 0)) for s in slices)
    cpus = min(slices[0].replicas, len(placement.server_cpus) or slices[0].replicas)
    return spent_s / (cpus * sum(s.drained_after_s for s in slices))


def generator_busy(slices: Sequence[SliceRecord]) -> float:
    spent_s = sum(s.cpu_s.generator or 0.0 for s in slices)
    return spent_s / sum(s.drained_after_s for s in slices)


def probe_p99_ms(record: SliceRecord) -> float:
    """p99 of response time over every request that fell due; one that failed took for ever.

    Infinite when more than a hundredth failed, or nothing fell due.
    """
    answered = merged(endpoint.response for endpoint in record.endpoints.values())
    failed = record.unsent + error_rate([record]) * (record.offered - record.unsent)
    if failed >= record.offered / 100:
        return math.inf
    # What failed ranks last: unanswered it stands in no histogram, and answered with an error it is
    # taken for the quickest there, so that no more than 1% of the others are slower.
    refused = sum(
        count
        for endpoint in record.endpoints.values()
        for outcome, count in endpoint.outcomes.items()
        if outcome.isdigit() and not is_success(outcome)
    )
    rank = (0.99 * record.offered + refused) / answered.count
    return (answered.quantile_ns(min(rank, 1.0)) or 0.0) / 1e6


def meets(record: SliceRecord, search: Search) -> bool:
    """Whether a probe met the limit: to its end, from a pool that held nothing back."""
    if SATURATED.name in record.findings or record.pool_exhausted:
        return False
    return probe_p99_ms(record) <= search.p99_ms


def merged(texts: Iterable[str]) -> Histogram:
    total = Histogram()
    for text in texts:
        total.merge(Histogram.from_text(text))
    return total

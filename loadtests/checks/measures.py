"""What checks weigh: shares, rates and percentiles of slices. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from loadtests.checks.rules import SATURATED
from loadtests.histogram import Histogram
from loadtests.model import Placement, SliceRecord
from loadtests.search import Search

# The steps of the kernel's counters are 10 ms a CPU, so less cannot be told from nothing.
DISTURBANCE_LIMIT = 0.02


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
    outcomes = merged_outcomes(slices)
    failed = sum(count for outcome, count in outcomes.items() if not is_success(outcome))
    return failed / max(1, outcomes.total())


def merged_outcomes(slices: Sequence[SliceRecord]) -> Counter[str]:
    """How the recorded requests of all endpoints ended, by status or failure."""
    outcomes: Counter[str] = Counter()
    for endpoint in (endpoint for s in slices for endpoint in s.endpoints.values()):
        outcomes.update(endpoint.outcomes)
    return outcomes


def is_success(outcome: str) -> bool:
    return outcome.isdigit() and int(outcome) < 400


def server_busy(slices: Sequence[SliceRecord], placement: Placement) -> float | None:
    """CPU spent ÷ CPU there was for the servers (with the store, where it shares their CPUs).

    Time that the host of this machine took was not there: steal is taken to be spread evenly over
    the CPUs that the run uses. None where a clock cannot be read.
    """
    if any(s.cpu_s.server is None or s.cpu_s.store is None for s in slices):
        return None
    shares = bool(set(placement.server_cpus) & set(placement.store_cpus))
    spent_s = sum((s.cpu_s.server or 0) + (shares and (s.cpu_s.store or 0)) for s in slices)
    cpus = min(slices[0].replicas, len(placement.server_cpus) or slices[0].replicas)
    stolen_s = sum(s.steal_s or 0.0 for s in slices) * cpus / max(cpus, len(placement.used_cpus))
    return spent_s / (cpus * sum(s.drained_after_s for s in slices) - stolen_s)


def store_busy(slices: Sequence[SliceRecord]) -> float | None:
    """Of one core: a store answers on one thread, however many CPUs there are."""
    if any(s.cpu_s.store is None for s in slices):
        return None
    return sum(s.cpu_s.store or 0.0 for s in slices) / sum(s.drained_after_s for s in slices)


def generator_busy(slices: Sequence[SliceRecord]) -> float:
    """CPU of the generator ÷ one core's; with several processes, on the core that has most to do.

    That one limits: due times and users are dealt out beforehand, and no other can take them over.
    A core has the workers pinned to it, and what may run on any: the master, and the proxy before
    the store.
    """
    by_cpu: dict[str, float] = defaultdict(float)
    elsewhere_s = 0.0
    for s in slices:
        elsewhere_s += (s.cpu_s.generator or 0.0) + (s.cpu_s.proxy or 0.0)
        for number, share in enumerate(s.workers):
            # Unpinned, a worker has at most a core to itself.
            by_cpu[f"worker {number}" if share.cpu is None else f"cpu {share.cpu}"] += (
                share.cpu_s or 0.0
            )
    elsewhere_s -= sum(by_cpu.values())
    spent_s = elsewhere_s + max(by_cpu.values(), default=0.0)
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

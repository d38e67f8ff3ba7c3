"""A cell: what one arm did in one phase of one block, reduced to a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.knees import Knee, Probe
from loadtests.histogram import Histogram
from loadtests.model import AddedDelay, EndpointRecord, PhaseKind, SliceRecord

QUANTILES = (0.5, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals over slices. A CPU total is None when any of them could not read it."""

    duration_s: float = 0.0
    requests: int = 0
    ok: int = 0
    completed: int = 0
    wire_bytes: int = 0
    cpu_server_s: float | None = 0.0
    cpu_store_s: float | None = 0.0
    cpu_generator_s: float | None = 0.0

    def plus(self, record: SliceRecord) -> Sums:
        endpoints = record.endpoints.values()
        return Sums(
            duration_s=self.duration_s + record.duration_s,
            requests=self.requests + sum(requests(endpoint) for endpoint in endpoints),
            ok=self.ok + sum(ok_requests(endpoint) for endpoint in endpoints),
            completed=self.completed + record.completed,
            wire_bytes=self.wire_bytes + record.wire_bytes.sent + record.wire_bytes.received,
            cpu_server_s=_sum(self.cpu_server_s, record.cpu_s.server),
            cpu_store_s=_sum(self.cpu_store_s, record.cpu_s.store),
            cpu_generator_s=_sum(self.cpu_generator_s, record.cpu_s.generator),
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """Response times of one endpoint's answers: how many, the quantiles of `QUANTILES` in ms, and
    how many requests beside them, or among them, were not answered 2xx."""

    samples: int
    quantiles_ms: Mapping[float, float]
    failed: int = 0

    @classmethod
    def of(cls, histogram: Histogram, failed: int = 0) -> Latency:
        values_ns = histogram.quantiles_ns(QUANTILES)
        pairs = zip(QUANTILES, values_ns, strict=True)
        return cls(histogram.count, {q: ns / 1e6 for q, ns in pairs if ns is not None}, failed)


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm in a phase of a block; `phase` and `kind` are None for facts outside every phase.

    `lags_s` holds `lag_high_s` of every replica-trial that told something, None for a replica
    that never refused, and `resolution_s` the spacing of their probes; `probes` and `knee` are of
    an `slo` phase; `added` has one a slice that a proxy before the store took part in.
    """

    block: int
    arm: str
    phase: str | None = None
    kind: PhaseKind | None = None
    sums: Sums = Sums()
    latency: Mapping[str, Latency] = field(default_factory=dict)
    lags_s: tuple[float | None, ...] = ()
    resolution_s: float | None = None
    probes: tuple[Probe, ...] = ()
    knee: Knee | None = None
    added: tuple[AddedDelay, ...] = ()
    store_bytes_per_login: float | None = None


def requests(endpoint: EndpointRecord) -> int:
    return sum(endpoint.outcomes.values())


def ok_requests(endpoint: EndpointRecord) -> int:
    """Requests answered 2xx; an outcome is an HTTP status or the name of a failure."""
    return sum(n for outcome, n in endpoint.outcomes.items() if _is_2xx(outcome))


def _is_2xx(outcome: str) -> bool:
    return len(outcome) == 3 and outcome.isdecimal() and outcome.startswith("2")


def _sum(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more

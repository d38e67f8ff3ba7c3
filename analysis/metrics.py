"""The metrics: each a name, a label, a unit, a direction, and how a cell yields its value.

`METRICS` is everything a report can hold. A value that cannot be had is a `Missing` with its
reason, never a guess and never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analysis.cells import Cell, Sums
from analysis.stats import Better, nearest_rank
from loadtests.model import ConfigurationError, PhaseKind

SAMPLES_FOR = {0.99: 1_000, 0.999: 10_000}
LAGS_FOR_P99 = 100
LOGIN = "POST /login"

_ALL: tuple[PhaseKind, ...] = ("capacity", "latency", "login", "mixed", "users")


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no value; `by_law` when the arm's law is the explanation, `too_few` when a
    percentile wants more samples."""

    reason: str
    by_law: bool = False
    too_few: bool = False


Value = float | Missing
Compute = Callable[[Cell, str | None], Value]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is asked of every cell whose phase is of one of `kinds` (none: outside phases).

    `per_endpoint` metrics have a value for each endpoint, the others one for `endpoint` (None:
    the whole phase).
    `pooled` metrics are a statistic of all blocks' trials together: a value without interval.
    `compared` metrics get ratios between arms.
    """

    name: str
    label: str
    unit: str
    better: Better
    kinds: tuple[PhaseKind, ...]
    compute: Compute
    per_endpoint: bool = False
    endpoint: str | None = None
    pooled: bool = False
    compared: bool = True

    def applies_to(self, cell: Cell) -> bool:
        return cell.kind in self.kinds if self.kinds else cell.kind is None


def named(names: Iterable[str]) -> tuple[Metric, ...]:
    """Raises ConfigurationError naming the allowed metrics when one is unknown."""
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in METRICS]
    if unknown:
        raise ConfigurationError(f"unknown metric {unknown[0]!r}; allowed: {', '.join(METRICS)}")
    return tuple(METRICS[name] for name in wanted)


def _throughput(cell: Cell, _: str | None) -> Value:
    if cell.sums.duration_s <= 0:
        return Missing("no recorded time")
    return cell.sums.ok / cell.sums.duration_s


def _per_core_second(cell: Cell, _: str | None) -> Value:
    server, store = cell.sums.cpu_server_s, cell.sums.cpu_store_s
    if server is None or store is None:
        return Missing("the CPU time of the servers or of the store could not be read")
    if server + store <= 0:
        return Missing("no CPU time was spent")
    return cell.sums.completed / (server + store)


def _cpu_us(component: str, read: Callable[[Sums], float | None]) -> Compute:
    def compute(cell: Cell, _: str | None) -> Value:
        cpu_s = read(cell.sums)
        if cpu_s is None:
            return Missing(f"the CPU time of the {component} could not be read")
        if cell.sums.completed == 0:
            return Missing("no request completed")
        return cpu_s / cell.sums.completed * 1e6

    return compute


def _latency_ms(quantile: float) -> Compute:
    """From the block's merged response histograms, never an average of slices' percentiles."""

    def compute(cell: Cell, endpoint: str | None) -> Value:
        latency = cell.latency.get(endpoint or "")
        if latency is None or latency.samples == 0:
            return Missing(f"block {cell.block} has no answered request")
        needed = SAMPLES_FOR.get(quantile, 1)
        if latency.samples < needed:
            return Missing(
                f"block {cell.block} has {latency.samples:,} samples; "
                f"p{quantile * 100:g} needs {needed:,} in every block",
                too_few=True,
            )
        if latency.failed and latency.failed >= (1 - quantile) * latency.samples - 1e-6:
            # They took for ever, or their answers say nothing of the work.
            return Missing(
                f"block {cell.block}: {latency.failed:,} of some {latency.samples:,} requests "
                f"failed, which is where p{quantile * 100:g} lies"
            )
        return latency.quantiles_ms[quantile]

    return compute


def _lag_s(quantile: float, needed: int = 1) -> Compute:
    """A nearest-rank quantile of `lag_high_s`; a replica that never refused ranks last."""

    def compute(cell: Cell, _: str | None) -> Value:
        lags = [float("inf") if lag is None else lag for lag in cell.lags_s]
        if not lags:
            return Missing("no revocation was acknowledged")
        if len(lags) < needed:
            reason = f"{len(lags)} replica-trials; p{quantile * 100:g} needs {needed}"
            return Missing(reason, too_few=True)
        lag_s = nearest_rank(lags, quantile)
        if lag_s == float("inf"):
            never = sum(lag is None for lag in cell.lags_s)
            return Missing(f"{never} of {len(lags)} replica-trials never refused", by_law=True)
        return lag_s

    return compute


def _wire_bytes(cell: Cell, _: str | None) -> Value:
    if cell.sums.completed == 0:
        return Missing("no request completed")
    return cell.sums.wire_bytes / cell.sums.completed


def _slo_rate(cell: Cell, _: str | None) -> Value:
    if cell.knee is None:
        return Missing("nothing was probed")
    held_rps, missed_rps = cell.knee.held_rps, cell.knee.missed_rps
    if held_rps is None:
        return Missing(f"block {cell.block} met the limit at no rate, down to {missed_rps:,.0f}")
    if missed_rps is None:
        return Missing(f"block {cell.block} met the limit at every rate, up to {held_rps:,.0f}")
    if not cell.knee.is_narrow:
        between = f"between {held_rps:,.0f} and {missed_rps:,.0f} req/s"
        return Missing(f"the search of block {cell.block} ended early, {between}")
    return held_rps


def _store_bytes(cell: Cell, _: str | None) -> Value:
    if cell.store_bytes_per_login is None:
        return Missing("nothing was stored, or the store's memory could not be read")
    # Where nothing is kept, the store may have shrunk meanwhile; a login frees nothing.
    return max(0.0, cell.store_bytes_per_login)


def _error_rate(cell: Cell, _: str | None) -> Value:
    if cell.sums.requests == 0:
        return Missing("no request was recorded")
    return (cell.sums.requests - cell.sums.ok) / cell.sums.requests


def _latency(name: str, quantile: float) -> Metric:
    return Metric(
        name,
        f"response time p{quantile * 100:g}",
        "ms",
        "lower",
        ("latency",),
        _latency_ms(quantile),
        per_endpoint=True,
    )


def _cpu(component: str, label: str, read: Callable[[Sums], float | None]) -> Metric:
    compute = _cpu_us(label, read)
    name = f"cpu_{component}_us"
    return Metric(name, f"CPU per request, {label}", "µs", "lower", _ALL, compute)


_IN_ORDER = (
    Metric(
        "throughput_rps",
        "throughput",
        "req/s",
        "higher",
        ("capacity", "login", "users"),
        _throughput,
    ),
    Metric(
        "requests_per_core_second",
        "requests per core-second (servers + store)",
        "req/core-s",
        "higher",
        ("capacity",),
        _per_core_second,
    ),
    _cpu("server", "servers", lambda sums: sums.cpu_server_s),
    _cpu("store", "store", lambda sums: sums.cpu_store_s),
    _cpu("generator", "generator", lambda sums: sums.cpu_generator_s),
    _latency("latency_p50_ms", 0.5),
    _latency("latency_p95_ms", 0.95),
    _latency("latency_p99_ms", 0.99),
    _latency("latency_p999_ms", 0.999),
    Metric(
        "login_p50_ms",
        "login time p50",
        "ms",
        "lower",
        ("login",),
        _latency_ms(0.5),
        endpoint=LOGIN,
    ),
    Metric(
        "revocation_lag_p50_s", "revocation lag p50", "s", "lower", ("revocation",), _lag_s(0.5)
    ),
    Metric(
        "revocation_lag_p99_s",
        "revocation lag p99",
        "s",
        "lower",
        ("revocation",),
        _lag_s(0.99, needed=LAGS_FOR_P99),
        pooled=True,
        compared=False,
    ),
    Metric(
        "revocation_lag_max_s",
        "longest revocation lag",
        "s",
        "lower",
        ("revocation",),
        _lag_s(1.0),
        pooled=True,
        compared=False,
    ),
    Metric(
        "wire_bytes_per_request", "bytes on the wire per request", "B", "lower", _ALL, _wire_bytes
    ),
    Metric("store_bytes_per_login", "bytes in the store per login", "B", "lower", (), _store_bytes),
    Metric(
        "error_rate",
        "share not answered 2xx",
        "fraction",
        "lower",
        _ALL,
        _error_rate,
        compared=False,
    ),
    Metric("slo_rate_rps", "highest rate within the limit", "req/s", "higher", ("slo",), _slo_rate),
)

METRICS = {metric.name: metric for metric in _IN_ORDER}

"""The metrics an experiment can name, before anything is measured: the kinds of phase that have
them, and whether each endpoint has its own. How they are computed is the analysis's affair."""

from __future__ import annotations

from collections.abc import Mapping

from loadtests.model import PhaseKind

_LOADED: tuple[PhaseKind, ...] = ("capacity", "latency", "login", "mixed", "users")

# No kind: the metric belongs to an arm, not to one of its phases.
METRIC_KINDS: Mapping[str, tuple[PhaseKind, ...]] = {
    "throughput_rps": ("capacity", "login", "users"),
    "requests_per_core_second": ("capacity",),
    "cpu_server_us": _LOADED,
    "cpu_store_us": _LOADED,
    "cpu_generator_us": _LOADED,
    "latency_p50_ms": ("latency",),
    "latency_p95_ms": ("latency",),
    "latency_p99_ms": ("latency",),
    "latency_p999_ms": ("latency",),
    "slo_rate_rps": ("slo",),
    "login_p50_ms": ("login",),
    "revocation_lag_p50_s": ("revocation",),
    "revocation_lag_p99_s": ("revocation",),
    "revocation_lag_max_s": ("revocation",),
    "wire_bytes_per_request": _LOADED,
    "store_bytes_per_login": (),
    "error_rate": _LOADED,
}
PER_ENDPOINT = frozenset({"latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_p999_ms"})
# One number of all blocks together, so without an interval.
POOLED = frozenset({"revocation_lag_p99_s", "revocation_lag_max_s"})

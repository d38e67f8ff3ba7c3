"""`/metrics` in Prometheus format, read from plain counters when scraped, never before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

import psutil
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from servers.services import SERVICES


async def metrics(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    scrape = _Scrape(services.outcomes, services.strategy.counters(), await _loop_lag_s())
    registry = CollectorRegistry(auto_describe=False)
    registry.register(scrape)
    return web.Response(
        body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
    )


async def _loop_lag_s() -> float:
    """How long a callback waits now: the time one turn of the event loop takes."""
    started_ns = time.perf_counter_ns()
    await asyncio.sleep(0)
    return (time.perf_counter_ns() - started_ns) / 1e9


class _Scrape(Collector):
    """One scrape's figures; the names are those of Prometheus' own client libraries."""

    def __init__(
        self, outcomes: Mapping[int, int], counters: Mapping[str, int], loop_lag_s: float
    ) -> None:
        self._outcomes = dict(outcomes)
        self._counters = dict(counters)
        self._loop_lag_s = loop_lag_s

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            "process_cpu_seconds",
            "CPU seconds of this process, all threads.",
            value=time.process_time_ns() / 1e9,
        )
        yield GaugeMetricFamily(
            "process_resident_memory_bytes",
            "Resident memory of this process in bytes.",
            value=psutil.Process().memory_info().rss,
        )
        yield GaugeMetricFamily(
            "event_loop_lag_seconds",
            "Time a callback waited for its turn of the event loop, at this scrape.",
            value=self._loop_lag_s,
        )
        requests = CounterMetricFamily("http_requests", "Answers by status.", labels=["status"])
        for status, count in sorted(self._outcomes.items()):
            requests.add_metric([str(status)], count)
        yield requests
        for name, count in self._counters.items():
            yield CounterMetricFamily(f"strategy_{name}", "Counted by the strategy.", value=count)

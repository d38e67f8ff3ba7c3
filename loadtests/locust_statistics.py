"""Locust's own statistics, told of a whole slice in sums, as a worker's report tells its master.

Locust's `request` event costs several times what a request itself costs the generator; who listens
to it hears nothing of a planned run, the statistics and the summary at its end hold every request.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

from locust import stats

from loadtests.recorder import Stamp
from loadtests.visitor import failure

_NS_PER_S = 1_000_000_000


def tell(statistics: stats.RequestStats, stamps: Iterable[Stamp]) -> None:
    """What firing `request` for each of `stamps` would have left in `statistics`."""
    by_endpoint: dict[str, list[Stamp]] = defaultdict(list)
    for stamp in stamps:
        by_endpoint[stamp.endpoint].append(stamp)
    for endpoint, its_stamps in by_endpoint.items():
        method, path = endpoint.split(" ", 1)
        summed = _sum(statistics, method, path, its_stamps)
        statistics.entries[path, method].extend(summed)
        statistics.total.extend(summed)
        for outcome, count in Counter(stamp.outcome for stamp in its_stamps).items():
            if (exception := failure(outcome)) is not None:
                for _ in range(count):
                    statistics.log_error(method, path, exception)


def _sum(
    statistics: stats.RequestStats, method: str, path: str, stamps: Sequence[Stamp]
) -> stats.StatsEntry:
    # Declared of whole milliseconds, and given fractions by every client of Locust's.
    entry: Any = stats.StatsEntry(statistics, path, method)
    times_ms = [(stamp.done_ns - stamp.sent_ns) / 1e6 for stamp in stamps]
    monotonic_zero_ns = time.time_ns() - time.monotonic_ns()
    done_ns = [stamp.done_ns for stamp in stamps]
    entry.num_requests = len(stamps)
    entry.total_response_time = sum(times_ms)
    entry.min_response_time, entry.max_response_time = min(times_ms), max(times_ms)
    entry.total_content_length = sum(stamp.received_bytes for stamp in stamps)
    entry.response_times.update(Counter(map(stats.bucket_response_time, times_ms)))
    seconds = ((monotonic_zero_ns + each_ns) // _NS_PER_S for each_ns in done_ns)
    entry.num_reqs_per_sec.update(Counter(seconds))
    entry.last_request_timestamp = (monotonic_zero_ns + max(done_ns)) / _NS_PER_S
    return cast("stats.StatsEntry", entry)

"""Locust's own statistics, told of a whole slice in sums, as a worker's report tells its master.

Locust's `request` event costs several times what a request itself costs the generator; who listens
to it hears nothing of a planned run, the statistics and the summary at its end hold every request.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from locust import stats

from loadtests.recorder import Stamp
from loadtests.visitor import failure

_NS_PER_S = 1_000_000_000
# Below it Locust keeps times by whole milliseconds.
_WHOLE_MS_BELOW = 100.0


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
    done_ns = _column(stamps, "done_ns")
    times_ms = (done_ns - _column(stamps, "sent_ns")) / 1e6
    monotonic_zero_ns = time.time_ns() - time.monotonic_ns()
    entry.num_requests = len(stamps)
    entry.total_response_time = float(times_ms.sum())
    entry.min_response_time, entry.max_response_time = float(times_ms.min()), float(times_ms.max())
    entry.total_content_length = int(_column(stamps, "received_bytes").sum())
    entry.response_times.update(_buckets(times_ms))
    entry.num_reqs_per_sec.update(_counts((monotonic_zero_ns + done_ns) // _NS_PER_S))
    entry.last_request_timestamp = (monotonic_zero_ns + int(done_ns.max())) / _NS_PER_S
    return cast("stats.StatsEntry", entry)


def _buckets(times_ms: npt.NDArray[np.float64]) -> Counter[int]:
    """As Locust's own rule sorts them, which is asked for each time it rounds to more than 1 ms."""
    short = times_ms < _WHOLE_MS_BELOW
    buckets = _counts(np.rint(times_ms[short]))
    buckets.update(map(stats.bucket_response_time, times_ms[~short].tolist()))
    return buckets


def _counts(values: npt.NDArray[Any]) -> Counter[int]:
    distinct, counts = np.unique(values, return_counts=True)
    return Counter(dict(zip(map(int, distinct), counts.tolist(), strict=True)))


def _column(stamps: Sequence[Stamp], name: str) -> npt.NDArray[np.int64]:
    return np.fromiter(map(attrgetter(name), stamps), np.int64, len(stamps))

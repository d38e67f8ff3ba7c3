"""What Locust itself says of a run: the statistics it prints at its end (`--json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocustNumbers:
    """Counts by response time in ms, rounded by Locust as it counts."""

    response_times: Mapping[int, int]
    requests: int

    def percentile_ms(self, quantile: float) -> float:
        """As Locust prints it (locust/stats.py, calculate_response_time_percentile)."""
        below, left = int(self.requests * quantile), self.requests
        for response_time in sorted(self.response_times, reverse=True):
            left -= self.response_times[response_time]
            if left <= below:
                return float(response_time)
        return 0.0


def parse_numbers(statistics: bytes, method: str, name: str) -> LocustNumbers:
    """Raises ValueError when Locust counted no such request."""
    for entry in json.loads(statistics):
        if (entry["method"], entry["name"]) == (method, name):
            return LocustNumbers(
                {int(ms): count for ms, count in entry["response_times"].items()},
                entry["num_requests"],
            )
    raise ValueError(f"Locust counted no {method} {name}")

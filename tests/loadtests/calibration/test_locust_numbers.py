from __future__ import annotations

import json
import subprocess
import sys

import pytest

from loadtests.calibration.locust_numbers import parse_numbers

# Locust patches the process that imports it, so it counts in one of its own.
_COUNT = """
import json, random, sys
from locust import stats
dice = random.Random(5)
numbers = stats.RequestStats()
for _ in range(3_000):
    numbers.log_request("GET", "/me", dice.lognormvariate(2, 2), 7)
numbers.log_request("PUT", "/state", 1.0, 7)
entry = numbers.get("/me", "GET")
percentiles = [entry.get_response_time_percentile(q) for q in json.loads(sys.argv[1])]
print(json.dumps(percentiles), file=sys.stderr)
# Empties the statistics as it prints them.
stats.print_stats_json(numbers)
"""
QUANTILES = [0.5, 0.9, 0.99, 0.999, 1.0]


def test_percentiles_are_those_that_locust_prints() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _COUNT, json.dumps(QUANTILES)],
        capture_output=True,
        check=True,
    )
    numbers = parse_numbers(told.stdout, "GET", "/me")
    assert numbers.requests == 3_000
    assert [numbers.percentile_ms(q) for q in QUANTILES] == json.loads(told.stderr)
    with pytest.raises(ValueError, match="Locust counted no GET /other"):
        parse_numbers(told.stdout, "GET", "/other")

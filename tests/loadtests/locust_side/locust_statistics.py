"""Statistics told in sums against Locust's own listener, told of every request."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import RequestStats

from loadtests.locust_statistics import tell
from loadtests.recorder import Stamp
from loadtests.visitor import describe

# What depends on the moment of the telling, or on what the object was made with.
OF_THE_CLOCK = {"start_time", "last_request_timestamp", "num_reqs_per_sec", "num_fail_per_sec"}

took_ns = st.integers(0, 20_000_000_000)
stamps = st.lists(
    st.builds(
        lambda endpoint, outcome, took, received: Stamp(
            endpoint, outcome, 0, 5_000, 5_000 + took, 100, received
        ),
        st.sampled_from(["GET /me", "PUT /state", "POST /login"]),
        st.sampled_from([200, 204, 401, 503, "timeout", "reset"]),
        took_ns,
        st.integers(0, 4_096),
    ),
    max_size=30,
)


def fired(stamps_: list[Stamp]) -> RequestStats:
    environment = Environment()
    environment.create_local_runner()
    # Locust's hooks are untyped.
    events: Any = environment.events
    for stamp in stamps_:
        events.request.fire(**describe(stamp))
    return environment.stats


def entries(statistics: RequestStats) -> dict[Any, dict[str, Any]]:
    every: dict[Any, Any] = {"total": statistics.total} | dict(statistics.entries)
    return {
        key: {name: value for name, value in entry.serialize().items() if name not in OF_THE_CLOCK}
        for key, entry in every.items()
    }


def errors(statistics: RequestStats) -> list[tuple[str, str, str, int]]:
    told = statistics.errors.values()
    return sorted((e.method, e.name, str(e.error), e.occurrences) for e in told)


@given(st.lists(stamps, max_size=3))
def test_slices_told_in_sums_leave_what_each_request_would_have_left(
    slices: list[list[Stamp]],
) -> None:
    statistics = RequestStats()
    for each in slices:
        tell(statistics, each)
    one_by_one = fired([stamp for each in slices for stamp in each])
    summed, expected = entries(statistics), entries(one_by_one)
    assert summed.keys() == expected.keys()
    for key, entry in summed.items():
        # Sums of floats in another order.
        total_ms = expected[key].pop("total_response_time")
        assert entry.pop("total_response_time") == pytest.approx(total_ms)
        assert entry == expected[key]
    assert errors(statistics) == errors(one_by_one)


def test_a_request_counts_in_the_second_it_was_done_in() -> None:
    statistics = RequestStats()
    now_ns = time.monotonic_ns()
    ago_ns = [10_000_000_000, 3_000_000_000, 3_000_000_000]
    before_s = time.time()
    tell(statistics, [Stamp("GET /me", 200, 0, 0, now_ns - ago, 1, 1) for ago in ago_ns])
    seconds = statistics.total.num_reqs_per_sec
    assert sorted(seconds.values()) == [1, 2]
    assert max(seconds) - min(seconds) == 7
    assert statistics.last_request_timestamp == pytest.approx(before_s - 3, abs=1)

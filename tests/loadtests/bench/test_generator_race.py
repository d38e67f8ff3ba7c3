"""The race of our client and Locust's: every rival at a real server, and how goals are judged."""

from __future__ import annotations

import pytest

from loadtests.bench import generator
from loadtests.bench.generator import FAST, FIRED, PLANNED, Slice, measure
from loadtests.bench.static_server import static_server
from loadtests.target import MeasurementError


@pytest.mark.parametrize("user", [FAST, FIRED, PLANNED])
def test_every_rival_works_and_counts_what_it_did(user: str) -> None:
    with static_server(()) as server:
        told = measure(user, server.url, (), slice_s=0.2)
    assert told.requests > 100
    assert told.duration_s >= 0.2
    assert 0 < told.cpu_s < 2 * told.duration_s


def test_requests_that_fail_are_no_measurement() -> None:
    with pytest.raises(MeasurementError, match=r"ours, in a run: requests failed at http://127"):
        measure(PLANNED, "http://127.0.0.1:1", (), slice_s=0.1)


def spending(cpu_us: float, noise: float = 0.01) -> list[Slice]:
    return [Slice(1_000, cpu_us * factor / 1e3, 1.0) for factor in (1 - noise, 1.0, 1 + noise)]


@pytest.mark.parametrize(
    ("fired_us", "planned_us", "reached"),
    [
        (24.0, 19.0, [True, True, True]),
        (24.0, 21.0, [False, True, True]),
        (26.0, 19.0, [True, False, True]),
        (60.0, 30.0, [False, False, False]),
    ],
)
def test_a_goal_is_reached_by_the_whole_interval(
    fired_us: float, planned_us: float, reached: list[bool]
) -> None:
    slices = {
        # In proportion to its own noise, so that ratios have none.
        FAST: spending(100.0),
        FIRED: spending(fired_us),
        PLANNED: spending(planned_us),
    }
    assert [goal.is_reached for goal in generator.goals(slices)] == reached


def test_noise_reaches_no_goal() -> None:
    noisy = {FAST: spending(100.0), FIRED: spending(24.0, 0.3), PLANNED: spending(19.0, 0.3)}
    assert [goal.is_reached for goal in generator.goals(noisy)] == [False, False, False]


@pytest.mark.parametrize("cpu_us", [1.0, 24.0, 1_000.0])
def test_rounds_end_by_the_width_of_what_was_seen_not_by_where_it_lies(cpu_us: float) -> None:
    assert generator.is_narrow(spending(cpu_us, 0.01))
    assert not generator.is_narrow(spending(cpu_us, 0.1))

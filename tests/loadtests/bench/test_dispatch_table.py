from __future__ import annotations

from collections import Counter

import pytest

from loadtests.bench import dispatch
from loadtests.bench.dispatch import DispatchResult, measure_dispatch
from loadtests.bench.dispatch_table import LagGoal, judged
from loadtests.placement import place, usable_cpus

BOTH = LagGoal(1_000.0, p99_us=300.0, p50_us=60.0)
WALKS = 3
TAIL = LagGoal(1_000.0, p99_us=300.0)


@pytest.mark.parametrize(
    ("goal", "offered", "p50_us", "p99_us", "is_reached"),
    [
        (BOTH, 2_000, 60.0, 300.0, True),
        (BOTH, 1_990, 10.0, 10.0, True),
        (BOTH, 2_010, 10.0, 10.0, True),
        (BOTH, 1_989, 10.0, 10.0, False),
        (BOTH, 2_011, 10.0, 10.0, False),
        (BOTH, 2_000, 60.1, 300.0, False),
        (BOTH, 2_000, 60.0, 300.1, False),
        (TAIL, 2_000, 299.0, 300.0, True),
        (TAIL, 2_000, 299.0, 301.0, False),
    ],
)
def test_a_slice_reaches_its_goal_when_requests_left_on_time_and_none_is_missing(
    goal: LagGoal, offered: int, p50_us: float, p99_us: float, *, is_reached: bool
) -> None:
    result = DispatchResult("constant", 1_000.0, 2_000.0, offered, p50_us, p99_us)
    assert judged(result, goal).is_reached is is_reached


def test_a_line_says_rate_goal_and_what_was_measured() -> None:
    told = judged(DispatchResult("constant", 1_000.0, 2_000.0, 1_995, 35.4, 1_170.0), BOTH)
    assert told.what == "constant, 1,000 req/s"
    assert told.goal == "p50 ≤ 60 µs, p99 ≤ 300 µs, offered ± 0.5%"
    assert told.measured == "p50 35 µs, p99 1,170 µs, -0.25%"


def test_a_real_walk_tells_every_rate_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SLICE_S", 0.25)
    # The first walk that nothing else held up, or the last: an error of ours is in every one.
    for _ in range(WALKS):
        server, told = measure_dispatch([200.0, 400.0], place(usable_cpus()))
        if all(result.offered == pytest.approx(result.expected, rel=0.02) for result in told):
            break
    assert server
    assert Counter(result.rate_rps for result in told) == {200.0: 3, 400.0: 3}
    for result in told:
        assert result.expected == 0.25 * result.rate_rps
        assert 0 < result.lag_p50_us <= result.lag_p99_us
        assert result.offered == pytest.approx(result.expected, rel=0.02)

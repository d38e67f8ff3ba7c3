from __future__ import annotations

import numpy as np
import pytest

from analysis.aa.coverage import FAMILIES, Misses, misses_of
from analysis.aa.goals import CHANCE_LIMIT, Goal, goals_of
from analysis.aa.twins import Place, Trial
from analysis.metrics import METRICS
from analysis.stats import Interval, t_interval

WORK = Place(METRICS["requests_per_core_second"], "capacity", "capacity", None)


def a_trial(interval: Interval) -> Trial:
    return Trial(WORK, ("a", "b"), (0, 1, 2, 3, 4), interval)


def trials(count: int, narrowed: float = 1.0, seed: int = 8) -> list[Trial]:
    """As many experiments of five blocks without a difference, intervals `narrowed`."""
    draw = np.random.default_rng(seed)
    intervals = [t_interval(list(sample)) for sample in draw.normal(0, 0.03, (count, 5))]
    return [
        a_trial(
            Interval(
                each.mean,
                each.mean - narrowed * ((each.high or 0.0) - each.mean),
                each.mean + narrowed * ((each.high or 0.0) - each.mean),
                5,
            )
        )
        for each in intervals
    ]


def family_goal(misses: Misses) -> Goal:
    (goal,) = [g for g in goals_of([misses], {}) if "requests_per_core_second" in g.what]
    return goal


@pytest.mark.parametrize(
    ("missed", "of", "p"), [(0, 12, 1.0), (1, 12, 0.4596), (3, 12, 0.0196), (4, 12, 0.0022)]
)
def test_the_probability_of_as_many_misses(missed: int, of: int, p: float) -> None:
    hit, miss = Interval(0.0, -0.1, 0.1, 5), Interval(0.2, 0.1, 0.3, 5)
    found = misses_of(WORK, [a_trial(miss)] * missed + [a_trial(hit)] * (of - missed))
    assert (found.missed, found.trials) == (missed, of)
    assert found.p == pytest.approx(p, abs=5e-5)
    assert family_goal(found).passed == (p >= CHANCE_LIMIT)


def test_honest_intervals_pass_nearly_always() -> None:
    passed = [family_goal(misses_of(WORK, trials(12, seed=seed))).passed for seed in range(300)]
    # More than three of twelve miss in 0.2% of such runs.
    assert sum(passed) >= 297


def test_intervals_that_are_too_narrow_are_rejected() -> None:
    passed = [
        family_goal(misses_of(WORK, trials(12, narrowed=0.25, seed=seed))).passed
        for seed in range(100)
    ]
    assert sum(passed) <= 10


def test_too_few_trials_cannot_pass() -> None:
    goal = family_goal(misses_of(WORK, trials(1)))
    assert not goal.passed
    assert goal.measured == "1 trials: too few to tell"


def test_a_family_that_was_not_measured_does_not_pass() -> None:
    goals = goals_of([misses_of(WORK, trials(12))], {})
    assert [goal.measured for goal in goals].count("not measured") == len(FAMILIES) - 1
    assert sum(goal.passed for goal in goals) == 1


def test_only_one_place_stands_for_a_family() -> None:
    assert misses_of(WORK, trials(12)).family == "work of a core"
    other = Place(METRICS["cpu_store_us"], "latency-1500", "latency", None)
    assert misses_of(other, trials(12)).family is None
    updates = Place(METRICS["latency_p50_ms"], "latency-1500", "latency", "PUT /state")
    assert misses_of(updates, trials(12)).family is None

from __future__ import annotations

import numpy as np
import pytest

from analysis.aa.components import Components
from analysis.aa.goals import FALSE_AT_MOST, goals_of
from analysis.aa.simulation import Judge, Simulated, heavy_tailed, simulate
from analysis.aa.twins import Place
from analysis.metrics import METRICS
from analysis.stats import Better, Interval, Judgement, judge

PLACE = Place(METRICS["cpu_server_us"], "capacity", "capacity", None)
NOISY = Components(block=0.01, round=0.0004, arm_block=0.0004, slice=0.0009, rounds=2)
QUIET = Components(block=0.01, round=0.0, arm_block=4e-7, slice=4e-7, rounds=2)


def simulated(
    by: Judge = judge, components: Components = NOISY, **asked: object
) -> list[Simulated]:
    options = {"seed": 3, "experiments": 1500, "noises": ("normal",), "blocks": (5, 8, 12), **asked}
    return list(simulate(components, "lower", by, **options))  # type: ignore[arg-type]


def without_floor(log_ratio: Interval, _: float | None, better: Better) -> Judgement:
    """A judge that asks nothing of the control: every interval that misses is a verdict."""
    return judge(log_ratio, 0.0, better)


def beyond_the_floor(log_ratio: Interval, floor: float | None, better: Better) -> Judgement:
    """A judge that wants the whole interval beyond the floor."""
    low, high = log_ratio.low, log_ratio.high
    if low is not None and high is not None and low <= (floor or 0.0) and high >= -(floor or 0.0):
        return Judgement("inconclusive", "near the floor")
    return judge(log_ratio, floor, better)


@pytest.mark.parametrize("noise", ["normal", "heavy-tailed"])
def test_the_judge_holds_its_goals(noise: str) -> None:
    for each in simulated(noises=(noise,)):
        assert each.covered >= 0.93
        assert each.false <= 0.015
        assert each.false + each.same + each.inconclusive == pytest.approx(1)


def test_a_judge_that_is_too_eager_is_caught() -> None:
    goals = goals_of([], {PLACE: simulated(without_floor, experiments=3000)})
    false = [goal for goal in goals if goal.what.startswith("false")]
    assert len(false) == 3
    assert not any(goal.passed for goal in false)
    assert all(goal.passed for goal in goals if goal.what.startswith("coverage"))


def test_a_judge_that_sees_little_costs_power() -> None:
    (shy,), (usual,) = (simulated(by, blocks=(8,)) for by in (beyond_the_floor, judge))
    assert shy.false <= usual.false <= FALSE_AT_MOST
    assert shy.detectable is not None
    assert usual.detectable is not None
    assert shy.detectable - 1 > 1.3 * (usual.detectable - 1)


def test_three_blocks_are_covered_and_decide_nothing() -> None:
    (three,) = simulated(blocks=(3,))
    assert three.covered >= 0.93
    assert (three.false, three.inconclusive, three.detectable) == (0.0, 1.0, None)


def test_power_is_that_of_drawing_with_the_difference() -> None:
    (found,) = simulated(blocks=(8,))
    assert found.detectable is not None
    # 1.48 standard deviations of a block's log ratio, as found by an independent simulation.
    assert np.log(found.detectable) / NOISY.ratio_sd == pytest.approx(1.48, rel=0.06)


def test_more_blocks_see_less() -> None:
    seen = [each.detectable or 0.0 for each in simulated()]
    assert seen == sorted(seen, reverse=True)
    assert min(seen) > 1


def test_what_hardly_varies_is_the_same_within_two_per_cent() -> None:
    for each in simulated(components=QUIET):
        assert (each.same, each.false) == (1.0, 0.0)
        assert each.detectable == pytest.approx(1.02, abs=0.002)


def test_the_same_seed_draws_the_same_experiments() -> None:
    assert simulated(experiments=50) == simulated(experiments=50)
    assert simulated(experiments=50) != simulated(experiments=50, seed=4)


def test_heavy_tails_vary_as_much_and_lie_farther_out() -> None:
    drawn = heavy_tailed(np.random.default_rng(1), (400_000,))
    assert float(drawn.std()) == pytest.approx(1.0, abs=0.05)
    assert float((np.abs(drawn) > 4).mean()) > 10 * 6.3e-5

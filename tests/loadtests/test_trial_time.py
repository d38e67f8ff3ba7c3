"""Where a run has only so much time: who gets how much of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.messages import ArmTarget, Order
from loadtests.model import Experiment, Trials
from loadtests.plan import SliceTime, plan_block, slice_time
from loadtests.trial_time import allowed_s, last_begin_ns, trials_end_ns
from tests.builders import a_phase, a_run, an_arm, an_experiment

S = 1_000_000_000
LEGS = st.floats(0.1, 100.0)
TIMES = st.builds(SliceTime, before_s=LEGS, turns=st.integers(0, 40), turn_s=LEGS, after_s=LEGS)
BOUNDS_S = {"jwt_hs256": 3.0, "session_redis": 0.0}
CAPACITIES_RPS = {"jwt_hs256": 4_000.0, "session_redis": 1_000.0}
SOME = Trials(None, None, None, ttl_s=3, background_fraction=0.3)


def a_lab(minutes: float | None) -> Experiment:
    return an_experiment(
        arms=tuple(an_arm(name, replicas=4) for name in BOUNDS_S),
        phases=(
            a_phase("capacity", rounds=1),
            a_phase("revocation", rounds=1, trials=SOME),
            a_phase("latency-9", rounds=1),
        ),
        blocks=5,
        trials_within_minutes=minutes,
    )


def an_order(experiment: Experiment, end_ns: int | None) -> Order:
    return Order(
        experiment=experiment,
        slices=tuple(plan_block(experiment, 0)),
        targets=tuple(
            ArmTarget(name, "bearer", "", (), law_bound_s=bound_s)
            for name, bound_s in BOUNDS_S.items()
        ),
        placement=a_run().placement,
        run_started_ns=0,
        own_pids=(),
        admin_secret="",
        password="",
        trials_end_ns=end_ns,
    )


def times(order: Order, phase: str) -> dict[str, SliceTime]:
    """By arm, in their order in the block."""
    experiment = order.experiment
    return {
        each.arm: slice_time(
            experiment,
            experiment.phase(phase),
            experiment.arm(each.arm),
            BOUNDS_S,
            CAPACITIES_RPS[each.arm],
        )
        for each in order.slices
        if each.phase == phase
    }


def begins_until_s(left_s: float) -> tuple[float | None, Order]:
    """Of the first slice of trials of a block that has `left_s` for them and what follows."""
    order = an_order(a_lab(14.0), int((100 + left_s) * S))
    first = next(each for each in order.slices if each.phase == "revocation")
    until_ns = last_begin_ns(order, first, 100 * S, CAPACITIES_RPS.__getitem__)
    return None if until_ns is None else (until_ns - 100 * S) / S, order


@pytest.mark.parametrize(
    ("block", "now_s", "end_s"),
    [
        (0, 10.0, 10 + 590 / 5),
        (3, 400.0, 400 + 200 / 2),
        (4, 550.0, 600.0),
        # The last block began too late: its trials have no more than their first turns.
        (4, 700.0, 600.0),
    ],
)
def test_blocks_share_what_is_left(block: int, now_s: float, end_s: float) -> None:
    end_ns = trials_end_ns(a_lab(10.0), block, 3 * S, int((now_s + 3) * S))
    assert end_ns == pytest.approx((end_s + 3) * S, abs=5)


def test_without_a_limit_there_is_none() -> None:
    assert trials_end_ns(a_lab(None), 0, 0, 0) is None
    order = an_order(a_lab(None), None)
    planned = next(each for each in order.slices if each.phase == "revocation")
    assert last_begin_ns(order, planned, 0, CAPACITIES_RPS.__getitem__) is None


@given(left_s=st.floats(0.1, 1_000.0), needs=st.lists(TIMES, min_size=1, max_size=9))
def test_slices_that_take_what_they_may_end_with_the_time(
    left_s: float, needs: list[SliceTime]
) -> None:
    taken_s: list[float] = []
    for first in range(len(needs)):
        may_s = allowed_s(left_s - sum(taken_s), needs[first:])
        taken_s.append(min(needs[first].whole_s, may_s))
    least_s = sum(time.least_s for time in needs)
    whole_s = sum(time.whole_s for time in needs)
    assert sum(taken_s) == pytest.approx(max(least_s, min(left_s, whole_s)))
    # What they have beyond their first turns are equal shares of what they need.
    share = min(1.0, max(0.0, left_s - least_s) / ((whole_s - least_s) or 1.0))
    for took_s, time in zip(taken_s, needs, strict=True):
        more_s = share * (time.whole_s - time.least_s)
        assert took_s == pytest.approx(time.least_s + more_s)


def test_with_time_enough_a_slice_has_all_that_the_others_do_not_need() -> None:
    until_s, order = begins_until_s(500.0)
    first, second = times(order, "revocation").values()
    rest_s = second.whole_s + sum(each.whole_s for each in times(order, "latency-9").values())
    assert until_s == pytest.approx(500.0 - rest_s - first.turn_s - first.after_s)


def test_with_too_little_time_it_has_its_share_less_a_turn_and_the_last_look() -> None:
    until_s, order = begins_until_s(12.0)
    first, second = times(order, "revocation").values()
    others_s = sum(each.whole_s for each in times(order, "latency-9").values())
    rest_s = 12.0 - others_s - first.least_s - second.least_s
    more_s = [each.whole_s - each.least_s for each in (first, second)]
    assert 0 < rest_s < sum(more_s)
    last_s = first.least_s + rest_s * more_s[0] / sum(more_s) - first.turn_s - first.after_s
    assert until_s == pytest.approx(last_s)


def test_with_no_time_nothing_begins_once_the_first_turn_does() -> None:
    until_s, order = begins_until_s(-50.0)
    first, _ = times(order, "revocation").values()
    assert until_s == pytest.approx(first.before_s)


def test_what_an_arm_can_do_counts() -> None:
    experiment = replace(a_lab(14.0), reference="jwt_hs256")
    phase, arm = experiment.phase("revocation"), experiment.arm("jwt_hs256")
    slow, quick = (slice_time(experiment, phase, arm, BOUNDS_S, rps) for rps in (400.0, 9_000.0))
    assert slow.whole_s > 1.5 * quick.whole_s

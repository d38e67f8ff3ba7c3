"""Where a run has only so much time: who gets how much of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.messages import ArmTarget, Order
from loadtests.model import Experiment, Trials
from loadtests.plan import plan_block, slice_s
from loadtests.trial_plans import Sizes, sizes_of, slices_of
from loadtests.trial_time import allowed_s, last_begin_ns, trials_end_ns
from tests.builders import a_phase, a_run, an_arm, an_experiment

S = 1_000_000_000
LEGS = st.floats(0.1, 100.0)
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


def sizes(order: Order, arm: str) -> Sizes:
    return sizes_of(
        SOME,
        BOUNDS_S[arm],
        replicas=4,
        slices=slices_of(order.experiment, order.experiment.phase("revocation")),
        capacity_rps=CAPACITIES_RPS[arm],
    )


def needs_s(order: Order, phase: str) -> dict[str, float]:
    """By arm, in their order in the block."""
    experiment = order.experiment
    return {
        each.arm: slice_s(
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
    until_ns = last_begin_ns(
        order, first, sizes(order, first.arm), 100 * S, CAPACITIES_RPS.__getitem__
    )
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
    some = sizes(order, planned.arm)
    assert last_begin_ns(order, planned, some, 0, CAPACITIES_RPS.__getitem__) is None


@given(left_s=LEGS, needs=st.lists(LEGS, min_size=1, max_size=9))
def test_slices_that_take_what_they_may_end_with_the_time(
    left_s: float, needs: list[float]
) -> None:
    taken_s: list[float] = []
    for first in range(len(needs)):
        rest = needs[first:]
        may_s = allowed_s(left_s - sum(taken_s), rest)
        assert may_s >= min(needs[first], (left_s - sum(taken_s)) * needs[first] / sum(rest)) - 1e-9
        taken_s.append(min(needs[first], may_s))
    assert sum(taken_s) == pytest.approx(min(left_s, sum(needs)))
    if left_s < sum(needs):
        shares = [took / need for took, need in zip(taken_s, needs, strict=True)]
        assert shares == pytest.approx([left_s / sum(needs)] * len(needs))


def test_with_time_enough_a_slice_has_all_that_the_others_do_not_need() -> None:
    until_s, order = begins_until_s(500.0)
    (_, first_s), (_, second_s) = needs_s(order, "revocation").items()
    turns = sizes(order, next(iter(needs_s(order, "revocation")))).turns
    rest_s = second_s + sum(needs_s(order, "latency-9").values())
    assert until_s == pytest.approx(500.0 - rest_s - first_s / turns)


def test_with_too_little_time_it_has_its_share_less_a_turn() -> None:
    until_s, order = begins_until_s(6.0)
    (first, first_s), (_, second_s) = needs_s(order, "revocation").items()
    left_s = 6.0 - sum(needs_s(order, "latency-9").values())
    share_s = left_s * first_s / (first_s + second_s)
    assert until_s == pytest.approx(share_s - first_s / sizes(order, first).turns)


def test_with_no_time_nothing_begins_later_than_at_once() -> None:
    until_s, _ = begins_until_s(-50.0)
    assert until_s == 0.0


def test_what_an_arm_can_do_counts() -> None:
    experiment = replace(a_lab(14.0), reference="jwt_hs256")
    phase, arm = experiment.phase("revocation"), experiment.arm("jwt_hs256")
    slow_s, quick_s = (slice_s(experiment, phase, arm, BOUNDS_S, rps) for rps in (400.0, 9_000.0))
    assert slow_s > 1.5 * quick_s

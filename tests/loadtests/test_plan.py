from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.block import most_victims, server_settings
from loadtests.experiment import find, read
from loadtests.model import Experiment, PlannedSlice, Trials
from loadtests.plan import at_once, expected_slices, plan_block, predicted_s, slice_time
from loadtests.trial_plans import LATER_S
from tests.builders import a_phase, an_arm, an_experiment


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    arms = tuple(an_arm(f"arm{number}") for number in range(draw(st.integers(1, 6))))
    rounds = draw(st.lists(st.integers(1, 13), min_size=1, max_size=3))
    phases = tuple(a_phase(f"latency-{n + 1}", rounds=each) for n, each in enumerate(rounds))
    return an_experiment(arms=arms, phases=phases, seed=draw(st.integers(0, 2**32)))


def orders(slices: list[PlannedSlice]) -> dict[str, list[list[str]]]:
    """phase -> the order of arms in each round, in the order walked."""
    rounds: dict[tuple[str, int], list[str]] = defaultdict(list)
    for planned in slices:
        rounds[planned.phase, planned.round].append(planned.arm)
    by_phase: dict[str, list[list[str]]] = defaultdict(list)
    for (phase, _round), arms in rounds.items():
        by_phase[phase].append(arms)
    return by_phase


@given(experiments(), st.integers(0, 9))
def test_every_round_holds_every_arm_once(experiment: Experiment, block: int) -> None:
    by_phase = orders(plan_block(experiment, block))
    names = sorted(arm.name for arm in experiment.arms)
    assert list(by_phase) == [phase.name for phase in experiment.phases]
    for phase in experiment.phases:
        assert len(by_phase[phase.name]) == phase.rounds
        assert all(sorted(arms) == names for arms in by_phase[phase.name])


@given(experiments())
def test_rounds_come_one_after_the_other(experiment: Experiment) -> None:
    phases = [phase.name for phase in experiment.phases]
    walked = [(phases.index(p.phase), p.round) for p in plan_block(experiment, 0)]
    assert walked == sorted(walked)


@given(experiments(), st.integers(1, 3))
def test_over_as_many_rounds_as_arms_each_stands_once_in_every_place(
    experiment: Experiment, squares: int
) -> None:
    arms = len(experiment.arms)
    phase = a_phase("capacity", rounds=squares * arms)
    experiment = dataclasses.replace(experiment, phases=(phase,))
    stood = Counter(
        (place, arm)
        for order in orders(plan_block(experiment, 0))["capacity"]
        for place, arm in enumerate(order)
    )
    assert len(stood) == arms * arms
    assert set(stood.values()) == {squares}


@given(experiments(), st.integers(0, 9))
def test_the_seed_and_the_block_decide(experiment: Experiment, block: int) -> None:
    plan = plan_block(experiment, block)
    assert plan == plan_block(experiment, block)
    other = dataclasses.replace(experiment, seed=experiment.seed + 1)
    assert [p.seed for p in plan] != [p.seed for p in plan_block(other, block)]
    assert [p.seed for p in plan] != [p.seed for p in plan_block(experiment, block + 1)]


def test_another_seed_walks_in_another_order() -> None:
    experiment = an_experiment()
    other = an_experiment(seed=experiment.seed + 1)
    assert orders(plan_block(experiment, 0)) != orders(plan_block(other, 0))


def test_no_two_slices_share_their_dice() -> None:
    experiment = an_experiment()
    seeds = [p.seed for block in range(5) for p in plan_block(experiment, block)]
    assert len(set(seeds)) == len(seeds)


def test_a_plan_is_the_same_on_every_machine() -> None:
    experiment = an_experiment(arms=tuple(map(an_arm, "abc")), phases=(a_phase("capacity"),))
    (first, *_) = plan_block(experiment, 0)
    assert first == PlannedSlice(0, "capacity", 0, "b", 237_416_767_146_551)


SMALL = an_experiment()


@pytest.mark.parametrize(
    "larger",
    [
        dataclasses.replace(SMALL, blocks=SMALL.blocks + 1),
        dataclasses.replace(SMALL, warm_up_s=SMALL.warm_up_s + 1),
        dataclasses.replace(SMALL, arms=(*SMALL.arms, an_arm("another"))),
        dataclasses.replace(SMALL, phases=(*SMALL.phases, a_phase("latency-7"))),
        dataclasses.replace(SMALL, phases=(*SMALL.phases[:-1], a_phase("revocation", rounds=9))),
    ],
    ids=["blocks", "warm-up", "arms", "phases", "trials"],
)
def test_more_to_do_takes_longer(larger: Experiment) -> None:
    assert 0 < predicted_s(SMALL) < predicted_s(larger)
    assert predicted_s(SMALL) < predicted_s(dataclasses.replace(SMALL, generators=2))


def test_searches_are_expected_to_end_before_their_last_round() -> None:
    phase = a_phase("slo", rounds=100)
    experiment = an_experiment(phases=(phase,), blocks=3)
    assert phase.search is not None
    probes = phase.search.usual_probes
    assert expected_slices(experiment) == 3 * probes * len(experiment.arms)
    assert len(plan_block(experiment, 0)) == 100 * len(experiment.arms)
    short = dataclasses.replace(experiment, phases=(a_phase("slo", rounds=probes - 2),))
    assert expected_slices(short) < expected_slices(experiment)
    assert predicted_s(short) < predicted_s(experiment)
    plain = an_experiment(phases=(a_phase("capacity"),))
    assert expected_slices(plain) == plain.blocks * len(plan_block(plain, 0))


def test_an_arm_sits_out_a_phase_that_does_not_name_it() -> None:
    everyone, few = a_phase("capacity"), a_phase("latency-9", arms=("jwt_hs256", "none"))
    experiment = an_experiment(phases=(everyone, few), blocks=1)
    by_phase = orders(plan_block(experiment, 0))
    assert all(sorted(arms) == ["jwt_hs256", "none"] for arms in by_phase["latency-9"])
    assert len(by_phase["latency-9"]) == few.rounds
    assert all(len(arms) == len(experiment.arms) for arms in by_phase["capacity"])
    assert expected_slices(experiment) == len(plan_block(experiment, 0))
    alone = an_experiment(phases=(everyone,), blocks=1)
    assert orders(plan_block(alone, 0))["capacity"] == by_phase["capacity"]
    full = dataclasses.replace(experiment, phases=(everyone, dataclasses.replace(few, arms=())))
    assert predicted_s(alone) < predicted_s(experiment) < predicted_s(full)


def test_arms_of_outages_go_at_once_or_in_groups() -> None:
    lab = read(find("outage"))
    for groups in (1, 2, 4):
        experiment = dataclasses.replace(lab, groups=groups)
        slices = [s for s in plan_block(experiment, 0) if s.phase == lab.phases[0].name]
        turns = at_once(experiment, slices)
        assert len(turns) == groups
        assert sorted(s.arm for turn in turns for s in turn) == sorted(a.name for a in lab.arms)
        assert max(map(len, turns)) - min(map(len, turns)) <= 1
        # A group whose arms are all left out is none.
        assert all(at_once(experiment, slices[:1]))
        more = int(server_settings(experiment)["users"]) - int(server_settings(lab)["users"])
        assert more == (groups - 1) * len(lab.phases) * most_victims(lab)
    twice = dataclasses.replace(lab, groups=2)
    assert 1.5 * predicted_s(lab) < predicted_s(twice) < 2 * predicted_s(lab)
    assert at_once(SMALL, plan_block(SMALL, 0)) == [[each] for each in plan_block(SMALL, 0)]


def test_a_phase_whose_arms_are_all_impossible_has_no_slices() -> None:
    experiment = an_experiment(phases=(a_phase("capacity", arms=("gone",)), a_phase("login")))
    assert set(orders(plan_block(experiment, 0))) == {"login"}


def test_tabs_are_expected_to_outlast_their_grace() -> None:
    def tabs_for_s(grace_s: float) -> float:
        arm = an_arm("jwt_refresh", settings={"grace_s": grace_s})
        return predicted_s(an_experiment(arms=(arm,), phases=(a_phase("tabs"),), blocks=1))

    assert tabs_for_s(0.0) == tabs_for_s(5.0)
    rounds = a_phase("tabs").rounds
    assert tabs_for_s(20.0) == pytest.approx(tabs_for_s(0.0) + 13.0 * rounds)


def test_trials_are_expected_to_wait_as_their_law_lets_them() -> None:
    arm, trials = an_arm("one", replicas=4), Trials(10, 1, 0.005, ttl_s=3, background_fraction=0.0)
    phase = a_phase("revocation", rounds=1, trials=trials)
    experiment = an_experiment(arms=(arm,), phases=(phase,))

    def lasts_s(bound_s: float | None) -> float:
        return slice_time(experiment, phase, arm, {"one": bound_s}).whole_s

    # Told at once; the last look comes when the law's time has passed, and some time it must.
    assert lasts_s(0.0) == pytest.approx(lasts_s(0.4) + LATER_S - 0.4)
    assert lasts_s(0.5) == pytest.approx(lasts_s(0.4) + 0.1)
    # A cache's entry of 1 s: revoked at any age, half a second before it ends.
    assert lasts_s(1.0) == pytest.approx(lasts_s(0.5) + 0.5 + 10 * (0.5 + (1.0 - 0.1) / 2))
    guarded = slice_time(
        experiment, dataclasses.replace(phase, guard_s=phase.guard_s + 2.0), arm, {"one": None}
    )
    assert guarded.whole_s == pytest.approx(lasts_s(None) + 2.0)
    assert lasts_s(None) == lasts_s(3.0)
    assert lasts_s(3.0) > 10 * 3.0

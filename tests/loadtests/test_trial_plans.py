from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.model import Trials
from loadtests.trial_plans import (
    EARLIEST_REVOKE_S,
    LEAST_BACKGROUND_OF_LOAD,
    MOST_LANES,
    REVOKE_WITHIN_S,
    Sizes,
    TrialPlan,
    first_victim,
    longest_s,
    plan_trial,
    refusals_to_stop,
    sizes_of,
    spare_user,
    victims,
)
from tests.builders import a_phase, an_experiment

AUTO = Trials(None, None, None, ttl_s=3, background_fraction=0.3)
BOUNDS = st.none() | st.floats(0, 900)


def a_target(**changes: object) -> ArmTarget:
    replicas = tuple(ReplicaAddress("127.0.0.1", port) for port in (8001, 8002, 8003))
    return ArmTarget("arm", "bearer", "session", replicas, **changes)  # type: ignore[arg-type]


def drawn(
    trial: int, rolling: random.Random, target: ArmTarget | None = None, ttl_s: int = 2
) -> TrialPlan:
    return plan_trial(
        target or a_target(),
        trial,
        dice=rolling,
        victim=7,
        probe_every_s=0.002,
        ttl_s=ttl_s,
        admin_secret="secret",
    )


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 — no secret


def sizes(trials: Trials, bound_s: float | None, capacity_rps: float = 8_000.0) -> Sizes:
    return sizes_of(trials, bound_s, replicas=4, slices=5, capacity_rps=capacity_rps)


@pytest.mark.parametrize(
    ("bound_s", "spacing_s", "a_slice"),
    [(0.0, 0.002, 40), (0.2, 0.002, 40), (1.0, 0.01, 40), (2.0, 0.02, 40), (3.0, 0.03, 8),
     (900.0, 0.03, 8), (None, 0.03, 8)],
)  # fmt: skip
def test_the_law_says_how_many_and_how_closely(
    bound_s: float | None, spacing_s: float, a_slice: int
) -> None:
    found = sizes(AUTO, bound_s)
    assert found.probe_every_s == pytest.approx(spacing_s)
    assert found.trials == a_slice


@pytest.mark.parametrize(
    ("capacity_rps", "fraction", "spacing_s"),
    # 2,000 probes a second in the finest case. A load of 30% leaves them 32% of the capacity, one
    # of 80% leaves them 72%, none leaves them 35%.
    [(8_000.0, 0.3, 0.002), (6_250.0, 0.3, 0.002), (2_600.0, 0.3, 0.0048), (2_800.0, 0.8, 0.002),
     (2_500.0, 0.0, 0.0046), (1.0, 0.3, 0.3), (0.0, 0.3, 0.002)],
)  # fmt: skip
def test_probes_are_sparser_where_those_of_one_trial_would_be_more_than_the_load(
    capacity_rps: float, fraction: float, spacing_s: float
) -> None:
    trials = Trials(None, None, None, 3, fraction)
    assert sizes(trials, 0.0, capacity_rps).probe_every_s == pytest.approx(spacing_s)
    assert sizes(Trials(None, None, 0.005, 3, fraction), 0.0, capacity_rps).probe_every_s == 0.005


def test_as_many_trials_as_are_wanted_at_once_share_that_room() -> None:
    found = sizes(Trials(None, 2, None, 3, 0.3), 0.0, 2_600.0)
    assert found.at_once == 2
    assert found.probe_every_s == pytest.approx(0.0096)


def test_what_the_experiment_says_stands() -> None:
    told = sizes(Trials(7, 3, 0.005, 2, 0.3), 900.0)
    assert (told.trials, told.at_once, told.probe_every_s) == (7, 3, 0.005)


@pytest.mark.parametrize("slices", [1, 3, 5, 7, 40, 1_000])
def test_a_run_has_at_least_as_many_trials_as_asked(slices: int) -> None:
    for bound_s, least in ((0.0, 200), (900.0, 40)):
        assert slices * AUTO.in_a_slice(bound_s, slices) >= least
        assert slices * (AUTO.in_a_slice(bound_s, slices) - 1) < least


@pytest.mark.parametrize(
    ("bound_s", "capacity_rps", "at_once"),
    # Probes of one trial: 2,000/s at the finest, 400/s for a bound of 1 s, 133/s for 3 s. Seven of
    # eight at once would take as long as four.
    [(0.0, 8_000.0, 1), (1.0, 8_000.0, 4), (3.0, 8_000.0, 8), (3.0, 2_000.0, 3), (0.0, 100.0, 1),
     (0.0, 0.0, 1), (3.0, 1_500.0, 2), (3.0, 0.0, 4)],
)  # fmt: skip
def test_trials_overlap_as_far_as_their_probes_leave_room(
    bound_s: float, capacity_rps: float, at_once: int
) -> None:
    assert sizes(AUTO, bound_s, capacity_rps).at_once == at_once


@given(BOUNDS, st.floats(0, 1e5), st.floats(0, 0.99), st.integers(1, 16))
def test_probes_and_background_are_the_load_together(
    bound_s: float | None, capacity_rps: float, fraction: float, replicas: int
) -> None:
    trials = Trials(None, None, None, 3, fraction)
    found = sizes_of(trials, bound_s, replicas=replicas, slices=5, capacity_rps=capacity_rps)
    asked_rps = fraction * capacity_rps
    assert LEAST_BACKGROUND_OF_LOAD * asked_rps <= found.background_rps <= asked_rps
    assert 1 <= found.at_once <= found.trials
    probes_rps = 0.8 * found.at_once * replicas / found.probe_every_s
    if found.background_rps > LEAST_BACKGROUND_OF_LOAD * asked_rps:
        assert found.background_rps + probes_rps == pytest.approx(asked_rps)


def test_without_load_nobody_browses() -> None:
    assert sizes(Trials(None, None, None, 3, 0.0), 1.0).background_rps == 0.0


@pytest.mark.parametrize(
    ("spacing_s", "refusals"), [(0.002, 20), (0.005, 20), (0.01, 10), (0.03, 5), (9.0, 5)]
)
def test_sparse_probes_need_fewer_refusals(spacing_s: float, refusals: int) -> None:
    assert refusals_to_stop(spacing_s) == refusals


@pytest.mark.parametrize(("spacing_s", "lanes"), [(0.001, MOST_LANES), (0.01, 20), (0.3, 1)])
def test_close_probes_have_connections_that_take_turns(spacing_s: float, lanes: int) -> None:
    plan = TrialPlan(a_target(), 0, "kick", 0, 0.1, spacing_s, 2, 7, "secret")
    assert plan.lanes == lanes


@pytest.mark.parametrize(
    ("changes_roles", "cycle"),
    [(True, ["kick", "logout", "role"]), (False, ["kick", "logout"])],
)
def test_kinds_alternate_and_every_replica_gets_its_turn(
    changes_roles: bool, cycle: list[str]
) -> None:
    rolling = dice(1)
    plans = [drawn(trial, rolling, a_target(changes_roles=changes_roles)) for trial in range(60)]
    assert [plan.how for plan in plans] == cycle * (60 // len(cycle))
    assert {plan.via_replica for plan in plans} == {0, 1, 2}


@pytest.mark.parametrize(
    ("bound_s", "ttl_s", "within_s"),
    [(None, 3, REVOKE_WITHIN_S), (0.0, 3, REVOKE_WITHIN_S), (0.5, 3, REVOKE_WITHIN_S),
     (1.0, 3, 1.0), (1.0, 9, 1.0), (1.5, 3, 0.5), (2.0, 2, REVOKE_WITHIN_S),
     (900.0, 900, REVOKE_WITHIN_S)],
)  # fmt: skip
def test_the_revoke_comes_at_any_age_of_what_may_be_cached(
    bound_s: float | None, ttl_s: int, within_s: float
) -> None:
    rolling, target = dice(1), a_target(law_bound_s=bound_s)
    plans = [drawn(number, rolling, target, ttl_s) for number in range(1_000)]
    after_s = [plan.revoke_after_s - EARLIEST_REVOKE_S for plan in plans]
    quarters = Counter(int(4 * each / within_s) for each in after_s)
    assert sorted(quarters) == [0, 1, 2, 3]
    assert min(quarters.values()) > 200


def test_the_dice_decide_a_trial() -> None:
    assert drawn(3, dice(1)) == drawn(3, dice(1))
    assert drawn(3, dice(1)) != drawn(3, dice(2))


def test_no_two_phases_share_a_victim() -> None:
    auto = replace(a_phase("revocation", rounds=2, trials=AUTO), name="auto")
    few = replace(a_phase("revocation", rounds=3), name="few")
    experiment = an_experiment(phases=(a_phase("capacity"), auto, few), population=100, blocks=5)
    assert (victims(experiment, auto), victims(experiment, few)) == (2 * 20, 3 * 2)
    assert (first_victim(experiment, auto), first_victim(experiment, few)) == (100, 140)
    assert spare_user(experiment) == 146


def test_a_slice_is_never_longer_than_every_credential_and_its_last_look() -> None:
    assert longest_s(Sizes(8, 8, 0.03, 0.0), ttl_s=3) == 8.0
    assert longest_s(Sizes(9, 8, 0.03, 0.0), ttl_s=3) == 12.0

"""Experiment + seed -> blocks of interleaved slices. Pure: no clock, no I/O."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from loadtests.model import SOON_S, Arm, Experiment, Phase, PlannedSlice, Trials
from loadtests.trial_plans import (
    EARLIEST_REVOKE_S,
    LATER_S,
    YOUNG_S,
    refusals_to_stop,
    revoke_within_s,
    sizes_of,
    slices_of,
)

# What a block costs besides its slices, measured on two cores: starting replicas and stores,
# verifying, minting, loading the generator, ending everything. Only the prediction uses them.
BLOCK_FIXED_S = 3.0
BLOCK_PER_REPLICA_S = 0.3
SLICE_FIXED_S = 0.06
# What messages between several generator processes add to a slice.
WORKERS_SLICE_S = 0.06
# Of a revocation trial besides its probes: minting and revoking.
TRIAL_FIXED_S = 0.01
# What servers on one core take of most strategies, for how many trials overlap.
USUAL_CAPACITY_RPS = 8_000.0
# Before an outage of all arms: a store anew, everybody minted and warm. Also measured.
OUTAGE_FIXED_S = 3.0


@dataclass(frozen=True, slots=True)
class SliceTime:
    """About how long a slice takes, in seconds: of revocation trials so many `turns` of `turn_s`
    each, and what comes before and after them."""

    before_s: float
    turns: int = 0
    turn_s: float = 0.0
    after_s: float = 0.0

    @property
    def whole_s(self) -> float:
        return self.before_s + self.turns * self.turn_s + self.after_s

    @property
    def least_s(self) -> float:
        """With the first turn alone."""
        return replace(self, turns=min(1, self.turns)).whole_s


def plan_block(experiment: Experiment, block: int) -> list[PlannedSlice]:
    """The slices of one block in the order they are walked; an arm whose search has ended sits
    the remaining rounds of its `slo` phase out.

    Each round holds every arm of its phase once, in an order of its own. Consecutive rounds are
    rotations of one shuffle, so over as many rounds as arms each arm stands once in every place (a
    Latin square; Fisher, The Design of Experiments, §33): drift within a round hits all arms alike.
    """
    return [
        PlannedSlice(
            block, phase.name, number, arm, _seed(experiment, block, phase.name, number, arm)
        )
        for phase in experiment.phases
        for number, order in enumerate(_orders(experiment, block, phase))
        for arm in order
    ]


def at_once(experiment: Experiment, round_: Sequence[PlannedSlice]) -> list[list[PlannedSlice]]:
    """The slices of one round, those together that go at the same time: each by itself, in outages
    as many arms as its group has. Arms are dealt out in their order, so that what is alike, and
    stands side by side in an experiment, is spread."""
    if not experiment.is_of_outages:
        return [[planned] for planned in round_]
    place = {arm.name: number for number, arm in enumerate(experiment.arms)}
    groups: dict[int, list[PlannedSlice]] = {}
    for planned in round_:
        groups.setdefault(place[planned.arm] % experiment.groups, []).append(planned)
    return [groups[number] for number in sorted(groups)]


def predicted_s(
    experiment: Experiment, law_bounds_s: Mapping[str, float | None] | None = None
) -> float:
    """About how long the whole run takes, in seconds. `law_bounds_s` by arm says how long its
    trials wait; without it they are taken to wait for most of their credentials' lives."""
    replicas = sum(arm.replicas for arm in experiment.arms)
    slices_s = sum(_phase_s(experiment, phase, law_bounds_s) for phase in experiment.phases)
    if experiment.generators > 1:
        slices_s += WORKERS_SLICE_S * expected_slices(experiment) / experiment.blocks
    warm_up_s = 0.0 if experiment.is_of_outages else experiment.warm_up_s * len(experiment.arms)
    block_s = BLOCK_FIXED_S + BLOCK_PER_REPLICA_S * replicas + warm_up_s + slices_s
    return experiment.blocks * block_s


def expected_slices(experiment: Experiment) -> int:
    """About how many slices the whole run walks: searches mostly end before their last round."""
    of_a_block = (_rounds(phase) * len(experiment.arms_in(phase)) for phase in experiment.phases)
    return experiment.blocks * sum(of_a_block)


def _rounds(phase: Phase) -> int:
    return min(phase.rounds, phase.search.usual_probes) if phase.search else phase.rounds


def _phase_s(
    experiment: Experiment, phase: Phase, law_bounds_s: Mapping[str, float | None] | None
) -> float:
    """Of one block. In outages the arms of a group go at once."""
    if phase.outage is not None:
        return phase.rounds * experiment.groups * (phase.outage.trial_s + OUTAGE_FIXED_S)
    return _rounds(phase) * sum(
        slice_time(experiment, phase, arm, law_bounds_s).whole_s
        for arm in experiment.arms_in(phase)
    )


def slice_time(
    experiment: Experiment,
    phase: Phase,
    arm: Arm,
    law_bounds_s: Mapping[str, float | None] | None,
    capacity_rps: float = USUAL_CAPACITY_RPS,
) -> SliceTime:
    """Of an arm that does `capacity_rps`."""
    if phase.browsers is not None:
        return SliceTime(phase.browsers.lasting_s(arm.grace_s))
    if phase.trials is None:
        return SliceTime(phase.guard_s + phase.slice_s + SLICE_FIXED_S)
    unknown_s = 0.7 * phase.trials.ttl_s
    bound_s = unknown_s if law_bounds_s is None else law_bounds_s[arm.name]
    slices = slices_of(experiment, phase)
    trials = _trials_time(phase.trials, arm, slices, bound_s, capacity_rps)
    return replace(trials, before_s=phase.guard_s + SLICE_FIXED_S)


def _trials_time(
    trials: Trials, arm: Arm, slices: int, bound_s: float | None, capacity_rps: float
) -> SliceTime:
    """Where a law allows a short time a revoke is taken to be announced, or, where the revokes come
    at any age of a cache's entry, to be seen when that ends, half of its life later in the mean;
    the last look waits for all of it. Where the time is long, or there is no law, each trial waits
    for expiry."""
    sizes = sizes_of(
        trials,
        bound_s,
        replicas=arm.replicas,
        slices=slices,
        capacity_rps=capacity_rps,
    )
    lives_s = float(trials.ttl_s) if bound_s is None else min(bound_s, trials.ttl_s)
    is_soon = bound_s is not None and bound_s <= SOON_S
    before_s = TRIAL_FIXED_S + EARLIEST_REVOKE_S + revoke_within_s(bound_s, trials.ttl_s) / 2
    refused_s = refusals_to_stop(sizes.probe_every_s) * sizes.probe_every_s
    is_told = is_soon and lives_s <= YOUNG_S
    waits_s = 0.0 if is_told else lives_s / 2 if is_soon else lives_s
    return SliceTime(
        before_s=0.0,
        turns=sizes.turns,
        turn_s=before_s + waits_s + refused_s,
        after_s=lives_s or LATER_S if is_soon else 0.0,
    )


def _orders(experiment: Experiment, block: int, phase: Phase) -> list[list[str]]:
    names = [arm.name for arm in experiment.arms_in(phase)]
    orders: list[list[str]] = []
    while names and len(orders) < phase.rounds:
        turn = len(orders)
        dice = random.Random(_seed(experiment, block, phase.name, turn, "order"))  # noqa: S311
        first = dice.sample(names, len(names))
        shifts = dice.sample(range(len(names)), len(names))
        orders += [first[shift:] + first[:shift] for shift in shifts]
    return orders[: phase.rounds]


def _seed(experiment: Experiment, block: int, phase: str, number: int, what: str) -> int:
    """The same on every machine and Python, unlike `hash`."""
    text = f"{experiment.seed}/{block}/{phase}/{number}/{what}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")

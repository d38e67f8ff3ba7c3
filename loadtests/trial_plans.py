"""What revocation trials are planned: how many, how many at once, how closely watched. Pure."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from loadtests.messages import ArmTarget, Order
from loadtests.model import SOON_S, Experiment, Phase, PlannedSlice, RevokeKind, Trials

# The revoke comes at a random moment, so that trials do not beat in time with the token's seconds.
EARLIEST_REVOKE_S, REVOKE_WITHIN_S = 0.02, 0.1
# Up to this bound, an entry's age is not worth the time it takes to spread revokes over it.
YOUNG_S = 0.5
# So many refusals in a row end a trial; where probes are sparse fewer, so that it does not drag.
REFUSALS_TO_STOP, LEAST_REFUSALS_TO_STOP = 20, 5
REFUSED_FOR_S = 0.1
# When a replica that refused at once, as its law says, is looked at again.
LATER_S = 1.0
# Trials that overlap may take this share of the load with their probes, or of the capacity where
# hardly any load is asked for.
PROBES_OF_LOAD, PROBES_OF_CAPACITY = 0.8, 0.2
# Probes of one trial, or of as many as an experiment wants at once, may bring the load to this
# share of the capacity where less is asked, before they become sparser: at 30% that is half of what
# a load may be off. Nor sparser than a tenth of the victims' life, or nothing would be seen.
ONE_TRIAL_OF_CAPACITY, MOST_SPACING_OF_LIFE = 0.35, 0.1
# Probes pause while a victim is minted, and where the others have all been refused.
PROBING_SHARE = 0.8
# Without a capacity to be a share of.
PROBES_RPS = 1_000.0
# Whatever the probes take, so many users are there to be rejected falsely.
LEAST_BACKGROUND_OF_LOAD = 0.1
# Connections that take turns at a replica, so that a late answer does not hold up the schedule.
PATIENCE_S = 0.2
MOST_LANES = 48

_KINDS: tuple[RevokeKind, ...] = ("kick", "logout", "role")


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One victim's trial."""

    target: ArmTarget
    trial: int
    how: RevokeKind
    via_replica: int
    revoke_after_s: float
    probe_every_s: float
    ttl_s: int
    victim: int
    admin_secret: str

    @property
    def lanes(self) -> int:
        return lanes_for(self.probe_every_s)


def lanes_for(probe_every_s: float) -> int:
    """Connections of one trial that take turns at a replica."""
    return min(MOST_LANES, math.ceil(PATIENCE_S / probe_every_s))


def refusals_to_stop(probe_every_s: float) -> int:
    """In a row, of one replica."""
    fits = round(REFUSED_FOR_S / probe_every_s)
    return max(LEAST_REFUSALS_TO_STOP, min(REFUSALS_TO_STOP, fits))


def revoke_within_s(bound_s: float | None, ttl_s: float) -> float:
    """Where a law holds soon its time may be a cache's: the revoke comes at any age of an entry,
    as far as the credential would outlive the law. A token's life may be a second less."""
    if bound_s is None or not YOUNG_S < bound_s <= SOON_S:
        return REVOKE_WITHIN_S
    return max(REVOKE_WITHIN_S, min(bound_s, ttl_s - 1.0 - bound_s))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How an arm's trials fit into one slice; `background_rps` browse beside the probes."""

    trials: int
    at_once: int
    probe_every_s: float
    background_rps: float

    @property
    def turns(self) -> int:
        """How often as many as go at once begin."""
        return -(-self.trials // self.at_once)


def sizes_of(
    trials: Trials, bound_s: float | None, *, replicas: int, slices: int, capacity_rps: float
) -> Sizes:
    """Of each of an arm's `slices` in a phase, where its law's bound is `bound_s`; `capacity_rps`
    0: not known, and no background."""
    spacing_s = _spacing_s(trials, bound_s, replicas, capacity_rps)
    count = trials.in_a_slice(bound_s, slices)
    each_rps = replicas / spacing_s
    asked_rps = trials.background_fraction * capacity_rps
    room_rps = max(PROBES_OF_LOAD * asked_rps, PROBES_OF_CAPACITY * capacity_rps) or PROBES_RPS
    at_once = trials.concurrent or _even(count, max(1, int(room_rps / each_rps)))
    background_rps = max(
        asked_rps - PROBING_SHARE * at_once * each_rps, LEAST_BACKGROUND_OF_LOAD * asked_rps
    )
    return Sizes(count, at_once, spacing_s, background_rps)


def _spacing_s(trials: Trials, bound_s: float | None, replicas: int, capacity_rps: float) -> float:
    """As the experiment says; by the law, sparser where that is more than an arm can take."""
    spacing_s = trials.spacing_s(bound_s)
    if trials.probe_every_s is not None or not capacity_rps:
        return spacing_s
    fraction = trials.background_fraction
    room = max(fraction, ONE_TRIAL_OF_CAPACITY) - LEAST_BACKGROUND_OF_LOAD * fraction
    probes = replicas * (trials.concurrent or 1)
    most_rps = max(room * capacity_rps, probes / (MOST_SPACING_OF_LIFE * trials.ttl_s))
    return max(spacing_s, round(probes / most_rps, 4))


def _even(count: int, at_most: int) -> int:
    """No more turns than with `at_most` at once, and the last as full as the others."""
    turns = -(-count // at_most)
    return -(-count // turns)


def longest_s(sizes: Sizes, ttl_s: int) -> float:
    """An upper bound for a slice: every victim lives out its credential, and is looked for again
    afterwards."""
    return (sizes.turns + 1) * (ttl_s + 1.0)


def slices_of(experiment: Experiment, phase: Phase) -> int:
    """How many slices an arm has in a phase, all blocks together."""
    return experiment.blocks * phase.rounds


def victims(experiment: Experiment, phase: Phase) -> int:
    """The most that any arm needs in a block, owners of browsers among them."""
    if phase.browsers is not None:
        return phase.rounds * phase.browsers.per_slice
    if phase.trials is None:
        return 0
    return phase.rounds * phase.trials.at_most_in_a_slice(slices_of(experiment, phase))


def first_victim(experiment: Experiment, phase: Phase) -> int:
    """Victims come from beyond the population: a kick ends every login of its user, and those of
    the background must stay. A trial never meets another's victim, in whichever phase."""
    before = experiment.phases[: experiment.phases.index(phase)]
    return experiment.population + sum(victims(experiment, each) for each in before)


def spare_user(experiment: Experiment) -> int:
    """One that nobody browses with and no trial is about."""
    return experiment.population + sum(victims(experiment, each) for each in experiment.phases)


def plan_trials(
    order: Order, planned: PlannedSlice, trials: Trials, sizes: Sizes
) -> list[TrialPlan]:
    dice = random.Random(planned.seed)  # noqa: S311
    first = planned.round * sizes.trials
    victim = first_victim(order.experiment, order.experiment.phase(planned.phase))
    return [
        plan_trial(
            order.target(planned.arm),
            number,
            dice=dice,
            victim=victim + number,
            probe_every_s=sizes.probe_every_s,
            ttl_s=trials.ttl_s,
            admin_secret=order.admin_secret,
        )
        for number in range(first, first + sizes.trials)
    ]


def plan_trial(
    target: ArmTarget,
    trial: int,
    *,
    dice: random.Random,
    victim: int,
    probe_every_s: float,
    ttl_s: int,
    admin_secret: str,
) -> TrialPlan:
    """Kick, logout and, where the arm can, change of role alternate; replica and moment are
    drawn."""
    within_s = revoke_within_s(target.law_bound_s, ttl_s)
    kinds = _KINDS if target.changes_roles else _KINDS[:2]
    return TrialPlan(
        target=target,
        trial=trial,
        how=kinds[trial % len(kinds)],
        via_replica=dice.randrange(len(target.replicas)),
        revoke_after_s=EARLIEST_REVOKE_S + dice.uniform(0, within_s),
        probe_every_s=probe_every_s,
        ttl_s=ttl_s,
        victim=victim,
        admin_secret=admin_secret,
    )

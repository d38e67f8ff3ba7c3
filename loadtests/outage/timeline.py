"""Who is revoked when, and how, in one trial of one arm. Pure: a plan and dice decide."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from loadtests.model import LawRecord, Outage
from loadtests.outage.cues import TrialPlan

_NS_PER_S = 1_000_000_000
# So near to the fault, and to its mend, a revoke would be acknowledged on the wrong side of it.
_EDGE_S = 0.02
# So many times within a spacing a replica is probed: evenly, so that no moment in which it accepts
# whom it should not escapes for longer, and each time for several victims, one of them kicked and
# one logged out, as what keeps a machine full of replicas busy is waking them up.
_STEPS = 10
# Between minting and the begin, with the part of a second that whole seconds may cost a life.
_MINTED_AHEAD_S = 2.0


@dataclass(frozen=True, slots=True)
class Victim:
    """`number` of the user; times in ns from the trial's begin. Probes of each replica are
    `probe_offset_ns` out of step with the trial."""

    number: int
    how: Literal["kick", "logout"]
    via_replica: int
    revoke_ns: int
    probe_offset_ns: int


def plan_victims(plan: TrialPlan, replicas: int, arm: str) -> list[Victim]:
    """The same for the same arm and seed. Kick and logout alternate; the rest is drawn."""
    outage = plan.outage
    dice = random.Random(f"{plan.seed}/{arm}")  # noqa: S311
    begin_s, end_s = outage.before_s, outage.before_s + outage.fault_s
    # Not in the first moments, so that whoever may remember a victim has seen it.
    before = (0.2 * begin_s, begin_s - min(_EDGE_S, 0.1 * begin_s))
    during = (begin_s + min(_EDGE_S, 0.1 * outage.fault_s), end_s)
    every_ns = int(outage.probe_every_s * _NS_PER_S)
    offset_ns = int(dice.uniform(0, every_ns))
    windows = [before] * outage.victims_before + [during] * outage.victims_during
    return [
        Victim(
            number=plan.first_victim + place,
            how="kick" if place % 2 == 0 else "logout",
            via_replica=dice.randrange(replicas),
            revoke_ns=int(dice.uniform(*window) * _NS_PER_S),
            probe_offset_ns=offset_ns + every_ns * (place // 2 % _STEPS) // _STEPS,
        )
        for place, window in enumerate(windows)
    ]


def first_probe_ns(victim: Victim, replica: int, replicas: int, every_ns: int) -> int:
    """Of one replica, from the trial's begin: the last that a fixed schedule from there has before
    the revoke, or its first after it. What a replica remembers of a victim it knows from its last
    probe; earlier ones would only keep the machine busy."""
    # Replicas are probed in turn within a spacing, and in between each other's steps.
    shift_ns = every_ns * replica * (_STEPS + 1) // (_STEPS * replicas)
    phase_ns = (victim.probe_offset_ns + shift_ns) % every_ns
    return phase_ns + max(0, victim.revoke_ns - phase_ns) // every_ns * every_ns


def victims_life_s(outage: Outage, law: LawRecord) -> int | None:
    """How long the victims' credentials live, in whole seconds; None: as usual.

    Where only expiry is sure to end them they expire within the trial, after everything that may
    end them sooner: else nothing could be seen of the law. Elsewhere they outlive the trial, or
    expiry would be taken for obedience.
    """
    if law.bound_s is None or law.bound_s <= outage.after_s:
        return None
    wanted_s = outage.before_s + outage.fault_s + outage.after_s / 2 + _MINTED_AHEAD_S
    return max(2, int(min(wanted_s, law.bound_s)))

"""How long a slice's revocation trials may go on, where a run has only so much time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadtests.messages import Order
from loadtests.model import Experiment, PlannedSlice
from loadtests.plan import slice_s
from loadtests.trial_plans import Sizes

_NS_PER_S = 1_000_000_000


def trials_end_ns(
    experiment: Experiment, block: int, run_started_ns: int, now_ns: int
) -> int | None:
    """When the trials of a block that starts now are to be over: of the time that is left, the
    blocks that are left have equal parts. None: there is no limit."""
    if experiment.trials_within_minutes is None:
        return None
    run_end_ns = run_started_ns + int(60 * experiment.trials_within_minutes * _NS_PER_S)
    return now_ns + (run_end_ns - now_ns) // (experiment.blocks - block)


def last_begin_ns(
    order: Order,
    planned: PlannedSlice,
    sizes: Sizes,
    now_ns: int,
    capacity_rps: Callable[[str], float],
) -> int | None:
    """Later than that no trial of the slice that starts now begins, but for the first turn; None:
    each begins when its turn comes. `capacity_rps` is asked for each arm's."""
    if order.trials_end_ns is None:
        return None
    experiment = order.experiment
    bounds_s = {target.arm: target.law_bound_s for target in order.targets}
    needs_s, others_s = list[float](), 0.0
    for each in order.slices[order.slices.index(planned) :]:
        phase, arm = experiment.phase(each.phase), experiment.arm(each.arm)
        need_s = slice_s(experiment, phase, arm, bounds_s, capacity_rps(each.arm))
        if phase.trials is not None:
            needs_s.append(need_s)
        else:
            others_s += need_s
    left_s = (order.trials_end_ns - now_ns) / _NS_PER_S - others_s
    turn_s = needs_s[0] / sizes.turns
    return now_ns + int(max(0.0, allowed_s(left_s, needs_s) - turn_s) * _NS_PER_S)


def allowed_s(left_s: float, needs_s: Sequence[float]) -> float:
    """How long the first of those that need `needs_s` may take when all have `left_s`: whatever
    the others do not need; where it does not suffice for all, its share by need."""
    own_s, all_s = needs_s[0], sum(needs_s)
    return max(left_s - (all_s - own_s), left_s * own_s / all_s)

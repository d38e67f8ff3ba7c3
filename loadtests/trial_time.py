"""How long a slice's revocation trials may go on, where a run has only so much time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadtests.messages import Order
from loadtests.model import Experiment, PlannedSlice
from loadtests.plan import SliceTime, slice_time

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
    order: Order, planned: PlannedSlice, now_ns: int, capacity_rps: Callable[[str], float]
) -> int | None:
    """Later than that no trial of the slice that starts now begins, but for the first turn; None:
    each begins when its turn comes. `capacity_rps` is asked for each arm's."""
    if order.trials_end_ns is None:
        return None
    experiment = order.experiment
    bounds_s = {target.arm: target.law_bound_s for target in order.targets}
    times = [
        slice_time(
            experiment,
            experiment.phase(each.phase),
            experiment.arm(each.arm),
            bounds_s,
            capacity_rps(each.arm),
        )
        for each in order.slices[order.slices.index(planned) :]
    ]
    left_s = (order.trials_end_ns - now_ns) / _NS_PER_S
    last_begin_s = allowed_s(left_s, times) - times[0].turn_s - times[0].after_s
    return now_ns + int(last_begin_s * _NS_PER_S)


def allowed_s(left_s: float, times: Sequence[SliceTime]) -> float:
    """How long the first of the slices that need `times` may take when all have `left_s`. Every
    slice has its first turn, however little is left; of the rest the first has whatever the
    others do not need, or, where it does not suffice for all, its share by need."""
    more_s = [time.whole_s - time.least_s for time in times]
    rest_s = max(0.0, left_s - sum(time.least_s for time in times))
    share = more_s[0] / (sum(more_s) or 1.0)
    return times[0].least_s + max(rest_s - sum(more_s[1:]), rest_s * share)

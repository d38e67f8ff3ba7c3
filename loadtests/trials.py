"""A slice's revocation trials, some at a time, beside the background load."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import Order
from loadtests.model import PlannedSlice, RevocationRecord, Trials
from loadtests.sightings import records
from loadtests.trial import Lines, Trial
from loadtests.trial_plans import Sizes, TrialPlan, lanes_for, plan_trials


@dataclass(frozen=True, slots=True)
class Tried:
    """Lines in the order the trials ended, and how often was probed while they ran: without the
    last looks, when most of them only wait. `not_begun`: trials whose turn came too late."""

    lines: list[RevocationRecord]
    probes_rps: float
    not_begun: int


def run_trials(
    order: Order,
    planned: PlannedSlice,
    trials: Trials,
    sizes: Sizes,
    last_begin_ns: int | None = None,
) -> Tried:
    """A trial that cannot begin (no credential) gives no lines; the run's findings count those
    that are missing. After `last_begin_ns` none begins that has to wait for its turn."""
    watchdog = Watchdog(order.experiment.request_timeout_s)
    lines = Lines(order.target(planned.arm), watchdog)
    gate = BoundedSemaphore(sizes.at_once)
    try:
        run = partial(_run, order, planned, lines, gate, last_begin_ns)
        plans = plan_trials(order, planned, trials, sizes)
        # The mint and the revoke go over one more.
        lines.stand(sizes.at_once * (lanes_for(sizes.probe_every_s) + 1))
        began_ns = time.monotonic_ns()
        ended = list(Group().imap_unordered(run, plans))
        told = [each for each in ended if each is not None]
        ran_s = max((each.ran_until_ns - began_ns for each in told), default=0) / 1e9
        probes = sum(each.probes for each in told)
        return Tried(
            [line for each in told for line in each.lines],
            probes / ran_s if told else 0.0,
            not_begun=len(ended) - len(told),
        )
    finally:
        lines.close()
        watchdog.close()


@dataclass(frozen=True, slots=True)
class _Told:
    lines: list[RevocationRecord]
    probes: int
    ran_until_ns: int


def _run(
    order: Order,
    planned: PlannedSlice,
    lines: Lines,
    gate: BoundedSemaphore,
    last_begin_ns: int | None,
    plan: TrialPlan,
) -> _Told | None:
    """None: its turn came too late."""
    trial = Trial(plan, lines)
    has_to_wait = gate.locked()
    try:
        with gate:
            if has_to_wait and last_begin_ns is not None and time.monotonic_ns() > last_begin_ns:
                return None
            revoke = trial.run()
    except ExchangeFailed:
        return _Told([], 0, time.monotonic_ns())
    ran_until_ns = time.monotonic_ns()
    probes = sum(len(seen.sent_ns) for seen in trial.sightings)
    # While it waits for that it loads nothing.
    trial.look_again()
    told = records(
        plan,
        revoke,
        trial.sightings,
        block=planned.block,
        phase=planned.phase,
        run_started_ns=order.run_started_ns,
        ttl_s=trial.ttl_s,
    )
    return _Told(told, probes, ran_until_ns)

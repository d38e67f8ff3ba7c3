"""A slice's revocation trials, some at a time, beside the background load."""

from __future__ import annotations

from functools import partial

from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import Order
from loadtests.model import PlannedSlice, RevocationRecord, Trials
from loadtests.sightings import records
from loadtests.trial import Lines, Trial
from loadtests.trial_plans import Sizes, TrialPlan, plan_trials


def run_trials(
    order: Order, planned: PlannedSlice, trials: Trials, sizes: Sizes
) -> list[RevocationRecord]:
    """Lines in the order the trials end. A trial that cannot begin (no credential) gives none;
    the run's findings count the lines that are missing."""
    watchdog = Watchdog(order.experiment.request_timeout_s)
    lines = Lines(order.target(planned.arm), watchdog)
    gate = BoundedSemaphore(sizes.at_once)
    try:
        run = partial(_run, order, planned, lines, gate)
        plans = plan_trials(order, planned, trials, sizes)
        return [line for told in Group().imap_unordered(run, plans) for line in told]
    finally:
        lines.close()
        watchdog.close()


def _run(
    order: Order, planned: PlannedSlice, lines: Lines, gate: BoundedSemaphore, plan: TrialPlan
) -> list[RevocationRecord]:
    trial = Trial(plan, lines)
    try:
        with gate:
            revoke = trial.run()
    except ExchangeFailed:
        return []
    # While it waits for that it loads nothing.
    trial.look_again()
    return records(
        plan,
        revoke,
        trial.sightings,
        block=planned.block,
        phase=planned.phase,
        run_started_ns=order.run_started_ns,
        ttl_s=trial.ttl_s,
    )

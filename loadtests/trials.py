"""A slice's revocation trials, some at a time, beside the background load."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from gevent.pool import Pool

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import Order
from loadtests.model import PlannedSlice, RevocationRecord, Trials
from loadtests.scenarios.revocation import Trial, TrialPlan, plan_trial, records


def run_trials(order: Order, planned: PlannedSlice, trials: Trials) -> Iterator[RevocationRecord]:
    """Lines in the order the trials end. A trial that cannot begin (no credential) gives none;
    the run's findings count the lines that are missing."""
    watchdog = Watchdog(order.experiment.request_timeout_s)
    try:
        run = partial(_run, order, planned, trials, watchdog)
        for lines in Pool(trials.concurrent).imap_unordered(run, _plans(order, planned, trials)):
            yield from lines
    finally:
        watchdog.close()


def _plans(order: Order, planned: PlannedSlice, trials: Trials) -> list[TrialPlan]:
    dice = random.Random(planned.seed)  # noqa: S311
    first = planned.round * trials.per_slice
    # Victims come from beyond the population: a kick ends every login of its user, and those of
    # the background must stay. A trial never meets another's victim.
    return [
        plan_trial(
            order.target(planned.arm),
            number,
            dice=dice,
            victim=order.experiment.population + number,
            probe_every_s=trials.probe_every_s,
            ttl_s=trials.ttl_s,
            admin_secret=order.admin_secret,
        )
        for number in range(first, first + trials.per_slice)
    ]


def _run(
    order: Order, planned: PlannedSlice, trials: Trials, watchdog: Watchdog, plan: TrialPlan
) -> list[RevocationRecord]:
    try:
        revoke, sightings = Trial(plan, watchdog).run()
    except ExchangeFailed:
        return []
    return records(
        plan,
        revoke,
        sightings,
        block=planned.block,
        phase=planned.phase,
        run_started_ns=order.run_started_ns,
        load_fraction=trials.background_fraction,
    )

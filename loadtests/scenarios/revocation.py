"""How long does a kicked user stay in? A victim is probed on every replica and revoked through one.

In a planned run `loadtests.trials` has many of them, sized by the law of their arm; here it is one
trial an iteration, by hand.
"""

from __future__ import annotations

import time

from loadtests.client import ExchangeFailed
from loadtests.model import LEAST_SPACING_S
from loadtests.recorder import Stamp
from loadtests.sightings import lag_interval_s
from loadtests.trial import Lines, Trial
from loadtests.trial_plans import plan_trial
from loadtests.visitor import Visitor

_TTL_S = 2


def iterate(visitor: Visitor, due_ns: int) -> None:
    """By hand: one trial; each replica's lag is recorded as a request that took that long.

    Raises ExchangeFailed, recorded as a failed request, where the trial cannot begin.
    """
    plan = plan_trial(
        visitor.target,
        visitor.dice.randrange(1_000_000),
        dice=visitor.dice,
        victim=visitor.dice.randrange(visitor.population),
        probe_every_s=LEAST_SPACING_S,
        ttl_s=_TTL_S,
        admin_secret=visitor.admin_secret,
    )
    began_ns = time.monotonic_ns()
    lines = Lines(visitor.target, visitor.watchdog)
    trial = Trial(plan, lines)
    try:
        revoke = trial.run()
    except ExchangeFailed as failure:
        ended_ns = time.monotonic_ns()
        visitor.record(Stamp("MINT victim", failure.outcome, due_ns, began_ns, ended_ns, 0, 0))
        raise
    finally:
        lines.close()
    for replica, seen in enumerate(trial.sightings):
        _last_ns, first_ns, _low_s, high_s = lag_interval_s(seen, revoke.acked_ns)
        outcome: int | str = 200 if high_s is not None else "never revoked"
        done_ns = max(revoke.acked_ns, first_ns or time.monotonic_ns())
        visitor.record(
            Stamp(f"LAG replica {replica}", outcome, due_ns, revoke.acked_ns, done_ns, 0, 0)
        )

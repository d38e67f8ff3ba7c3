"""A slice's browsers, all side by side: tabs that share a refresh token, and tokens stolen."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from gevent.pool import Pool

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.http_messages import Requests
from loadtests.messages import ArmTarget, Order
from loadtests.model import (
    BEGUN_WITHIN_S,
    REPLAYS_BEYOND_S,
    Browsers,
    PlannedSlice,
    TabsRecord,
)
from loadtests.scenarios.tabs import Refresher, share_in_tabs, steal
from loadtests.trial_plans import first_victim

_NS_PER_S = 1_000_000_000
# From minting to the first browser.
_LEAD_NS = 20_000_000
# Of access tokens nobody uses here.
_TTL_S = 60
# Around the end of the grace replays come so close; before it a few say that nothing else ends it.
_STEP_S = 0.004
_STEPS_EACH_SIDE = 15
_EARLIER = 6
_LATER_S = (0.1, 0.2, 0.4, 0.7, REPLAYS_BEYOND_S)


@dataclass(frozen=True, slots=True)
class BrowserPlan:
    """One browser, or one theft where there are no offsets. Offsets count from its begin, moments
    from the rotation; `begin_s` counts from the slice's first trial."""

    trial: int
    begin_s: float
    first_replica: int
    within_s: float
    offsets_s: tuple[float, ...]
    moments_s: tuple[float, ...]


def run_browsers(order: Order, planned: PlannedSlice, browsers: Browsers) -> Iterator[TabsRecord]:
    """Lines in the order the trials end; none where the logins could not be minted, which the
    run's findings count."""
    arm = order.experiment.arm(planned.arm)
    target = order.target(planned.arm)
    first = planned.round * browsers.per_slice
    plans = plan_browsers(browsers, arm.grace_s, planned.seed, first, len(target.replicas))
    watchdog = Watchdog(order.experiment.request_timeout_s)
    try:
        owner = first_victim(order.experiment, order.experiment.phase(planned.phase)) + first
        tokens = _mint(order, target, watchdog, owner, len(plans))
        begin_ns = time.monotonic_ns() + _LEAD_NS
        run = partial(_run, order, planned, watchdog, begin_ns)
        pairs = list(zip(plans, tokens, strict=True)) if tokens else []
        yield from Pool(max(1, len(pairs))).imap_unordered(lambda pair: run(*pair), pairs)
    finally:
        watchdog.close()


def plan_browsers(
    browsers: Browsers, grace_s: float, seed: int, first: int, replicas: int
) -> list[BrowserPlan]:
    """Every browser and theft of a slice, numbered from `first`, in the order they begin."""
    dice = random.Random(seed)  # noqa: S311
    cells = [
        (within_s, tabs)
        for within_s in browsers.within_s
        for tabs in browsers.tabs
        for _ in range(browsers.each)
    ]
    cells += [(0.0, 0)] * browsers.thefts
    dice.shuffle(cells)
    return [
        BrowserPlan(
            trial=first + place,
            begin_s=BEGUN_WITHIN_S * place / len(cells),
            first_replica=dice.randrange(replicas),
            within_s=within_s,
            offsets_s=tuple(dice.uniform(0, within_s) for _ in range(tabs)),
            moments_s=() if tabs else replay_moments_s(grace_s, dice.random()),
        )
        for place, (within_s, tabs) in enumerate(cells)
    ]


def replay_moments_s(grace_s: float, phase: float) -> tuple[float, ...]:
    """When a thief shows a token, in seconds after its rotation, ascending; `phase` from 0 to 1
    shifts the close steps, so that many thefts see more of the edge than one."""
    earlier = [grace_s * step / _EARLIER for step in range(_EARLIER)]
    close = [
        grace_s + (step + phase) * _STEP_S for step in range(-_STEPS_EACH_SIDE, _STEPS_EACH_SIDE)
    ]
    later = [grace_s + beyond_s for beyond_s in _LATER_S]
    return tuple(sorted({moment_s for moment_s in earlier + close + later if moment_s >= 0}))


def _mint(order: Order, target: ArmTarget, watchdog: Watchdog, owner: int, count: int) -> list[str]:
    """Refresh tokens of as many users, `owner` and those after, or none."""
    at = target.replicas[0]
    client = watchdog.guard(Client(at.host, at.port))
    requests = Requests(at.host, at.port, target.carrier, target.cookie_name)
    try:
        status = client.exchange(requests.mint(count, _TTL_S, owner, order.admin_secret))
    except ExchangeFailed:
        return []
    client.close()
    if status != 200:
        return []
    return [minted["refresh_token"] for minted in json.loads(client.body)["credentials"]]


def _run(
    order: Order,
    planned: PlannedSlice,
    watchdog: Watchdog,
    zero_ns: int,
    plan: BrowserPlan,
    token: str,
) -> TabsRecord:
    refresher = Refresher(order.target(planned.arm), watchdog, plan.first_replica)
    begin_ns = zero_ns + int(plan.begin_s * _NS_PER_S)
    record = partial(
        TabsRecord,
        block=planned.block,
        phase=planned.phase,
        trial=plan.trial,
        arm=planned.arm,
        grace_s=order.experiment.arm(planned.arm).grace_s,
        within_s=plan.within_s,
        started_s=(begin_ns - order.run_started_ns) / _NS_PER_S,
    )
    if not plan.offsets_s:
        stolen = steal(refresher, token, begin_ns, plan.moments_s)
        return record(
            tabs=1,
            spread_s=0.0,
            apart_low_s=0.0,
            apart_high_s=0.0,
            refused_tabs=0,
            outcome=stolen.outcome,
            thief=stolen.replays,
            family_ended=stolen.family_ended,
        )
    shared = share_in_tabs(refresher, token, begin_ns, plan.offsets_s)
    apart_low_s, apart_high_s = shared.apart_s
    return record(
        tabs=len(plan.offsets_s),
        spread_s=shared.spread_s,
        apart_low_s=apart_low_s,
        apart_high_s=apart_high_s,
        refused_tabs=sum(shown.status == 401 for shown in shared.tabs),
        outcome=shared.outcome,
    )

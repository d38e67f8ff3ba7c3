"""Locust as the generator of an outage block: its users are spread over the arms, all at once."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from loadtests.client import Watchdog
from loadtests.messages import Message, Order
from loadtests.outage.ear import Ear
from loadtests.outage.guests import Guest, ignore
from loadtests.outage.walk import Company, OutageWalk
from loadtests.realtime import come_first
from loadtests.stage import Stage
from loadtests.user import LocustEnvironment, SimulatedUser

_POLL_S = 0.01


def attend_outages(
    environment: LocustEnvironment, order: Order, emit: Callable[[Message], None]
) -> None:
    """Does as the runner cues, as soon as Locust has every user standing."""
    ear = environment.lifeline = Ear()
    if order.placement.generator_cpus:
        # Nothing is pinned: what it pushes aside has another CPU to go to.
        come_first()
    cast = OutageCast(order)
    environment.attend = cast.attend
    environment.events.test_start.add_listener(
        lambda **_: gevent.spawn(_walk, environment, order, cast, ear, emit)
    )


class OutageCast:
    """Users stand at the arms in turn, as many at each, or one more at the first ones."""

    def __init__(self, order: Order) -> None:
        self.watchdog = Watchdog(order.experiment.request_timeout_s)
        self.standing = 0
        self._order = order
        self.companies = {target.arm: Company(target, Stage(), []) for target in order.targets}

    def attend(self, _user: SimulatedUser) -> None:
        arms = list(self.companies)
        number = self.standing
        self.standing += 1
        company = self.companies[arms[number % len(arms)]]
        guest = Guest(
            company.target,
            (),
            number=number // len(arms),
            seed=self._order.experiment.seed * 1_000_003 + number,
            password=self._order.password,
            population=self._order.experiment.population,
            watchdog=self.watchdog,
            record=ignore,
        )
        company.guests.append(guest)
        company.stage.attend(guest)


def _walk(
    environment: LocustEnvironment,
    order: Order,
    cast: OutageCast,
    ear: Ear,
    emit: Callable[[Message], None],
) -> None:
    while cast.standing < order.experiment.pool_users:
        gevent.sleep(_POLL_S)
    try:
        OutageWalk(order, cast.companies, cast.watchdog, ear.next_cue, emit).run()
    finally:
        # Also when it fails: the starter then sees the lines end early, and shows the log.
        environment.runner.quit()

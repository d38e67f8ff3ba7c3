"""Locust as the runner's generator: one order in, slices walked, messages out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import gevent
from gevent import get_hub
from gevent.event import Event
from locust.runners import MasterRunner, WorkerRunner

from loadtests import locust_statistics
from loadtests.client import Watchdog
from loadtests.crew import WHOLE, Share
from loadtests.lifeline import Lifeline, end_group, hold_forks
from loadtests.master import Workers
from loadtests.messages import LINES_FD_VARIABLE, Message, Order, message_line, parse_order
from loadtests.outage.planned import attend_outages
from loadtests.placement import take_place
from loadtests.player import Player
from loadtests.stage import Stage
from loadtests.user import LocustEnvironment, SimulatedUser
from loadtests.visitor import Visitor, owned
from loadtests.walk import Walk
from loadtests.worker import Worker

_POLL_S = 0.01
_READ = 1


def is_ordered() -> bool:
    """Whether a runner started this process."""
    return LINES_FD_VARIABLE in os.environ


def get_ready() -> None:
    """Called before Locust forks workers: only their master writes lines, and they outlive it by
    no more than a moment."""
    hold_forks(closed_fds=(_lines_fd(),))


def follow(environment: LocustEnvironment) -> None:
    """Waits for the order, then walks it as soon as Locust has every user standing.

    With several generators the master walks, and its workers have the users.
    """
    if isinstance(environment.runner, WorkerRunner):
        Worker(environment, Cast)
    elif isinstance(environment.runner, MasterRunner):
        _lead(environment)
    else:
        _walk_alone(environment)


def _walk_alone(environment: LocustEnvironment) -> None:
    order = parse_order(_read_line())
    if order.experiment.is_of_outages:
        attend_outages(environment, order, _emit)
        return
    environment.lifeline = Lifeline()
    take_place(order.placement)
    cast_of_users = Cast(order)
    environment.attend = cast_of_users.attend
    environment.events.test_start.add_listener(
        lambda **_: gevent.spawn(_walk, environment, order, cast_of_users)
    )


def _lead(environment: LocustEnvironment) -> None:
    # Workers connect meanwhile, so other greenlets must run.
    readable = get_hub().loop.io(sys.stdin.fileno(), _READ)
    order = parse_order(_read_line(lambda: get_hub().wait(readable)))
    readable.close()
    environment.lifeline = Lifeline(end_group)
    take_place(order.placement)
    started = Event()
    environment.events.test_start.add_listener(lambda **_: started.set())
    workers = Workers(environment, order, started)
    walking = gevent.spawn(_walk_to_its_end, environment, Walk(order, workers, _emit))
    # Locust's master ends when it hears of no worker any more, perhaps before the walk sees it.
    environment.events.quitting.add_listener(
        lambda **_: walking.kill(workers.lost(None, "none was heard of any more"))
    )


class Cast:
    """The users of a block, or a worker's share of them: each has a visitor at every arm and turns
    to one of them."""

    def __init__(self, order: Order, share: Share = WHOLE) -> None:
        self.stage = Stage()
        self.expected = share.count(order.experiment.pool_users)
        self._order = order
        self._share = share
        self._watchdog = Watchdog(order.experiment.request_timeout_s)
        self.count = self._watchdog.count
        self._users: list[SimulatedUser] = []
        self._visitors: dict[str, list[Visitor]] = {target.arm: [] for target in order.targets}

    def attend(self, user: SimulatedUser) -> None:
        if len(self._users) == self.expected:
            # Locust starts as many users in every worker; some have one too many.
            Event().wait()
        own_number = len(self._users)
        self._users.append(user)
        for target in self._order.targets:
            self._visitors[target.arm].append(self._visitor(target.arm, own_number))
        self.stage.attend(user)

    def turn_to(self, arm: str) -> None:
        for user, visitor in zip(self._users, self._visitors[arm], strict=True):
            user.visitor = visitor

    def _visitor(self, arm: str, own_number: int) -> Visitor:
        experiment = self._order.experiment
        target = self._order.target(arm)
        number = self._share.number(own_number)
        return Visitor(
            target,
            owned(target.credentials, own_number, self.expected),
            number=number,
            # The same dice at every arm: the same accounts and writes in the same order.
            seed=experiment.seed * 1_000_003 + number,
            password=self._order.password,
            population=experiment.population,
            watchdog=self._watchdog,
            # All that a request costs here; sums are made of stamps once nothing runs.
            record=self.stage.stamps.append,
        )


def _walk(environment: LocustEnvironment, order: Order, users: Cast) -> None:
    def emit(message: Message) -> None:
        if message.slice is not None:
            locust_statistics.tell(environment.stats, users.stage.stamps)
        _emit(message)

    while users.stage.waiting < users.expected:
        gevent.sleep(_POLL_S)
    player = Player(order, users.stage, users.turn_to, users.count)
    _walk_to_its_end(environment, Walk(order, player, emit))


def _walk_to_its_end(environment: LocustEnvironment, walk: Walk) -> None:
    try:
        walk.run()
    finally:
        # Also when it fails: the starter then sees the lines end early, and shows the log.
        environment.runner.quit()


def _emit(message: Message) -> None:
    line = message_line(message)
    while line:
        line = line[os.write(_lines_fd(), line) :]


def _lines_fd() -> int:
    return int(os.environ[LINES_FD_VARIABLE])


def _read_line(await_data: Callable[[], None] = lambda: None) -> bytes:
    """Blocks, where nothing else has begun. Exits quietly when the starter ends first."""
    line = b""
    while not line.endswith(b"\n"):
        await_data()
        data = os.read(sys.stdin.fileno(), 1 << 20)
        if not data:
            # No more than this process has begun: what it forked ends with it.
            os._exit(1)
        line += data
    return line

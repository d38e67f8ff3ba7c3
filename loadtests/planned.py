"""Locust as the runner's generator: one order in, slices walked, messages out."""

from __future__ import annotations

import os
import sys

import gevent

from loadtests import locust_statistics
from loadtests.client import Watchdog
from loadtests.lifeline import Lifeline
from loadtests.messages import LINES_FD_VARIABLE, Message, Order, message_line, parse_order
from loadtests.placement import pin
from loadtests.player import Player
from loadtests.stage import Stage
from loadtests.user import LocustEnvironment, SimulatedUser
from loadtests.visitor import Visitor, owned
from loadtests.walk import Walk

_POLL_S = 0.01


def is_ordered() -> bool:
    """Whether a runner started this process."""
    return LINES_FD_VARIABLE in os.environ


def follow(environment: LocustEnvironment) -> None:
    """Waits for the order, then walks it as soon as Locust has every user standing."""
    order = parse_order(_read_line())
    environment.lifeline = Lifeline()
    pin(os.getpid(), order.placement.generator_cpus)
    cast_of_users = Cast(order)
    environment.attend = cast_of_users.attend
    environment.events.test_start.add_listener(
        lambda **_: gevent.spawn(_walk, environment, order, cast_of_users)
    )


class Cast:
    """The users of a block: each has a visitor at every arm and turns to one of them."""

    def __init__(self, order: Order) -> None:
        self.stage = Stage()
        self._order = order
        self._watchdog = Watchdog(order.experiment.request_timeout_s)
        self.count = self._watchdog.count
        self._users: list[SimulatedUser] = []
        self._visitors: dict[str, list[Visitor]] = {target.arm: [] for target in order.targets}

    def attend(self, user: SimulatedUser) -> None:
        number = len(self._users)
        self._users.append(user)
        for target in self._order.targets:
            self._visitors[target.arm].append(self._visitor(target.arm, number))
        self.stage.attend(user)

    def turn_to(self, arm: str) -> None:
        for user, visitor in zip(self._users, self._visitors[arm], strict=True):
            user.visitor = visitor

    def _visitor(self, arm: str, number: int) -> Visitor:
        experiment = self._order.experiment
        target = self._order.target(arm)
        return Visitor(
            target,
            owned(target.credentials, number, experiment.pool_users),
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

    while users.stage.waiting < order.experiment.pool_users:
        gevent.sleep(_POLL_S)
    try:
        Walk(order, Player(order, users.stage, users.turn_to, users.count), emit).run()
    finally:
        # Also when it fails: the starter then sees the lines end early, and shows the log.
        environment.runner.quit()


def _emit(message: Message) -> None:
    line = message_line(message)
    lines_fd = int(os.environ[LINES_FD_VARIABLE])
    while line:
        line = line[os.write(lines_fd, line) :]


def _read_line() -> bytes:
    """Blocks: nothing else has begun. Exits quietly when the starter ends first."""
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(sys.stdin.fileno(), 1 << 20)
        if not data:
            sys.exit(1)
        line += data
    return line

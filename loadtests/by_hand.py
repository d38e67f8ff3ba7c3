"""Locust by hand and under its web UI: strategy, scenario, replicas and carrier are chosen in the
form or by flags, and servers are started when a test first needs them.

With `--target HOST:PORT` (repeatable) the servers are somebody else's, such as containers; a name
with several addresses counts as several replicas.
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
import requests
from locust.runners import WorkerRunner

from loadtests import experiment, scenarios
from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.on_demand import OnDemand
from loadtests.recorder import Stamp
from loadtests.target import MeasurementError
from loadtests.user import LocustEnvironment, SimulatedUser
from loadtests.visitor import Visitor, describe

REQUEST_TIMEOUT_S = 5.0
# After a failure, so that a dead server is not asked as fast as the loop can turn.
PAUSE_AFTER_FAILURE_S = 0.5
POPULATION = 10_000


def add_arguments(parser: Any) -> None:
    group = parser.add_argument_group("authbench")
    group.add_argument(
        "--strategy", choices=experiment.strategies(), default="session_redis",
        help="how requests are authenticated", env_var="AUTHBENCH_STRATEGY",
    )  # fmt: skip
    group.add_argument(
        "--scenario", choices=scenarios.available(), default="browse",
        help="what a simulated user does", env_var="AUTHBENCH_SCENARIO",
    )  # fmt: skip
    group.add_argument(
        "--replicas", type=_replicas, default=2, help="server processes (1 to 16)",
        env_var="AUTHBENCH_REPLICAS",
    )  # fmt: skip
    group.add_argument(
        "--carrier", choices=["bearer", "cookie"], default="bearer",
        help="how the credential travels", env_var="AUTHBENCH_CARRIER",
    )  # fmt: skip
    group.add_argument(
        "--target", default="", env_var="AUTHBENCH_TARGET",
        help="HOST:PORT of running servers, STRATEGY=HOST:PORT for several (comma-separated); "
        "empty: start them here",
    )  # fmt: skip
    group.add_argument(
        "--think-time-s", type=float, default=0.0, help="pause between two iterations of a user"
    )


def prepare(environment: LocustEnvironment) -> None:
    """Called once, by Locust's `init` event. A worker drives, a master only chooses."""
    own = OnDemand()
    test = _Test(environment, own)
    environment.attend = test.attend
    environment.events.test_start.add_listener(lambda **_: test.begin())
    environment.events.test_stop.add_listener(lambda **_: test.end())
    environment.events.quitting.add_listener(lambda **_: own.close())


class _Test:
    """One press of "start" to the next "stop"; settings are read anew at each start."""

    def __init__(self, environment: LocustEnvironment, own: OnDemand) -> None:
        self._environment = environment
        self._own = own
        self._target: ArmTarget | None = None
        self._password = ""
        self._admin_secret = ""
        self._watchdog: Watchdog | None = None
        self._users = 0
        self._run = 0

    def begin(self) -> None:
        chosen = self._environment.parsed_options
        self._run += 1
        self._users = 0
        if chosen.target:
            self._target = _given_target(chosen)
            self._password = os.environ.get("AUTHBENCH_USER_PASSWORD", "authbench-demo")
            self._admin_secret = os.environ.get("AUTHBENCH_ADMIN_SECRET", "")
        elif not _is_distributed(self._environment):
            self._target = self._own.target(chosen.strategy, chosen.replicas, chosen.carrier)
            self._password = self._own.secrets.password
            self._admin_secret = self._own.secrets.admin_secret
        else:
            raise SystemExit("with workers, --target says where the servers are")
        self._watchdog = Watchdog(REQUEST_TIMEOUT_S)

    def end(self) -> None:
        if self._watchdog is not None:
            self._watchdog.close()

    def attend(self, user: SimulatedUser) -> None:
        """Iterates until Locust kills the user's greenlet."""
        chosen = self._environment.parsed_options
        iterate = scenarios.load(chosen.scenario)
        visitor = self._visitor()
        user.visitor = visitor
        try:
            while True:
                _iterate_once(iterate, visitor)
                if chosen.think_time_s:
                    gevent.sleep(chosen.think_time_s)
        finally:
            visitor.close()

    def _visitor(self) -> Visitor:
        # `test_start` reaches workers just before their first users do.
        assert self._target is not None
        assert self._watchdog is not None
        self._users += 1
        return Visitor(
            self._target,
            (),
            number=self._users,
            seed=self._run * 1_000_003 + self._users,
            password=self._password,
            population=POPULATION,
            watchdog=self._watchdog,
            record=self._announce,
            admin_secret=self._admin_secret,
        )

    def _announce(self, stamp: Stamp) -> None:
        self._environment.events.request.fire(**describe(stamp))


def _iterate_once(iterate: Callable[[Visitor, int], None], visitor: Visitor) -> None:
    try:
        iterate(visitor, time.monotonic_ns())
    except ExchangeFailed:
        # Already announced as a failed request.
        gevent.sleep(PAUSE_AFTER_FAILURE_S)


def _is_distributed(environment: LocustEnvironment) -> bool:
    return isinstance(environment.runner, WorkerRunner)


def _given_target(chosen: argparse.Namespace) -> ArmTarget:
    """Raises MeasurementError when the servers do not answer."""
    host, port = _pick(chosen.target, chosen.strategy).rsplit(":", 1)
    found = sorted({info[4][0] for info in socket.getaddrinfo(host, int(port), socket.AF_INET)})
    replicas = tuple(ReplicaAddress(str(address), int(port)) for address in found)
    answer = requests.get(f"{replicas[0].origin}/readyz", timeout=REQUEST_TIMEOUT_S)
    if answer.status_code != 200:
        raise MeasurementError(f"{chosen.target}: not ready: {answer.text}")
    cookie_name = answer.json()["cookie_name"]
    return ArmTarget(chosen.strategy, chosen.carrier, cookie_name, replicas)


def _pick(targets: str, strategy: str) -> str:
    """`HOST:PORT`, or the one of `STRATEGY=HOST:PORT,…` that belongs to `strategy`."""
    by_strategy = dict(each.split("=", 1) for each in targets.split(",") if "=" in each)
    if not by_strategy:
        return targets
    if strategy not in by_strategy:
        raise MeasurementError(f"--target has no {strategy}; it has {', '.join(by_strategy)}")
    return by_strategy[strategy]


def _replicas(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 16:
        raise argparse.ArgumentTypeError(f"{text}: allowed 1 to 16")
    return number

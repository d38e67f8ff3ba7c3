"""Locust by hand and under its web UI: strategy, scenario, replicas and carrier are chosen in the
form or by flags, and servers are started when a test first needs them.

With `--target` the servers are somebody else's, such as containers (see `loadtests.deployment`).
Under a Locust master the workers drive, with what was chosen in the master's form.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Callable
from typing import Any

import gevent
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtests import deployment, experiment, scenarios
from loadtests.client import ExchangeFailed, Watchdog
from loadtests.lifeline import Lifeline
from loadtests.messages import LIFELINE_VARIABLE, ArmTarget
from loadtests.model import ConfigurationError
from loadtests.on_demand import OnDemand
from loadtests.recorder import Stamp
from loadtests.target import MeasurementError
from loadtests.user import LocustEnvironment, SimulatedUser
from loadtests.visitor import Visitor, describe

REQUEST_TIMEOUT_S = 5.0
# After a failure, so that a dead server is not asked as fast as the loop can turn.
PAUSE_AFTER_FAILURE_S = 0.5
POPULATION = 10_000

logger = logging.getLogger(__name__)


def add_arguments(parser: Any) -> None:
    # Straight to the parser: what stands in a group does not reach the web UI's form.
    parser.add_argument(
        "--strategy", choices=experiment.strategies(), default="session_redis",
        help="how requests are authenticated", env_var="AUTHBENCH_STRATEGY",
    )  # fmt: skip
    parser.add_argument(
        "--scenario", choices=scenarios.available(), default="browse",
        help="what a simulated user does", env_var="AUTHBENCH_SCENARIO",
    )  # fmt: skip
    parser.add_argument(
        "--replicas", type=_replicas, default=2, help="server processes (1 to 16)",
        env_var="AUTHBENCH_REPLICAS",
    )  # fmt: skip
    parser.add_argument(
        "--carrier", choices=["bearer", "cookie"], default="bearer",
        help="how the credential travels", env_var="AUTHBENCH_CARRIER",
    )  # fmt: skip
    parser.add_argument(
        "--target", default="", env_var="AUTHBENCH_TARGET",
        help="HOST:PORT of running servers, STRATEGY=HOST:PORT for several (comma-separated); "
        "empty: start them here",
    )  # fmt: skip
    parser.add_argument(
        "--think-time-s", type=float, default=0.0, help="pause between two iterations of a user"
    )


def prepare(environment: LocustEnvironment) -> None:
    """Called once, by Locust's `init` event. A worker drives, a master only chooses."""
    if LIFELINE_VARIABLE in os.environ:
        environment.lifeline = Lifeline()
    if isinstance(environment.runner, MasterRunner):
        return
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
        """Where the servers cannot be had, says so once and leaves the users nothing to do."""
        self._run += 1
        self._users = 0
        self._target = None
        self._watchdog = Watchdog(REQUEST_TIMEOUT_S)
        try:
            self._target = self._find_target()
        except (ConfigurationError, MeasurementError) as error:
            logger.error("%s", error)
            # A worker sends it to its master; either way the web UI's Exceptions page shows it.
            self._environment.events.user_error.fire(
                user_instance=None, exception=error, tb=error.__traceback__
            )

    def _find_target(self) -> ArmTarget:
        chosen = self._environment.parsed_options
        if chosen.target:
            self._password = os.environ.get("AUTHBENCH_USER_PASSWORD", "authbench-demo")
            self._admin_secret = os.environ.get("AUTHBENCH_ADMIN_SECRET", "")
            return deployment.find(chosen.target, chosen.strategy, chosen.carrier)
        if isinstance(self._environment.runner, WorkerRunner):
            raise ConfigurationError("--target: empty; with workers it says where the servers are")
        self._password = self._own.secrets.password
        self._admin_secret = self._own.secrets.admin_secret
        return self._own.target(chosen.strategy, chosen.replicas, chosen.carrier)

    def end(self) -> None:
        if self._watchdog is not None:
            self._watchdog.close()

    def attend(self, user: SimulatedUser) -> None:
        """Iterates until Locust kills the user's greenlet."""
        if self._target is None:
            raise StopUser
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
            seed=self._seed(),
            password=self._password,
            population=POPULATION,
            watchdog=self._watchdog,
            record=self._announce,
            admin_secret=self._admin_secret,
        )

    def _seed(self) -> int:
        """Another for each user of each worker: twins would log in as the same people."""
        worker = getattr(self._environment.runner, "worker_index", 0)
        return (worker * 1_009 + self._run) * 1_000_003 + self._users

    def _announce(self, stamp: Stamp) -> None:
        self._environment.events.request.fire(**describe(stamp))


def _iterate_once(iterate: Callable[[Visitor, int], None], visitor: Visitor) -> None:
    try:
        iterate(visitor, time.monotonic_ns())
    except ExchangeFailed:
        # Already announced as a failed request.
        gevent.sleep(PAUSE_AFTER_FAILURE_S)


def _replicas(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 16:
        raise argparse.ArgumentTypeError(f"{text}: allowed 1 to 16")
    return number

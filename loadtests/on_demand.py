"""Servers for the web UI: started when first chosen, kept until the UI ends or they die."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass

from loadtests.messages import ArmTarget
from loadtests.model import Arm, Carrier
from loadtests.target import MeasurementError, RunningArm, RunSecrets, describe, running_arms
from loadtests.verify import readiness

# A click should not cost a second of hashing; the page is for looking, not for measuring logins.
SERVER_SETTINGS = {"argon2_memory_kib": 1024, "argon2_time_cost": 1, "argon2_parallelism": 1}

logger = logging.getLogger(__name__)

Choice = tuple[str, int, Carrier]


@dataclass(frozen=True, slots=True)
class _Group:
    """The servers of one choice; closing `stack` ends them and their store."""

    running: RunningArm
    target: ArmTarget
    stack: ExitStack


class OnDemand:
    """One group of servers per choice of strategy, replicas and carrier."""

    def __init__(self) -> None:
        self.secrets = RunSecrets.fresh()
        self._groups: dict[Choice, _Group] = {}

    def target(self, strategy: str, replicas: int, carrier: Carrier) -> ArmTarget:
        """A group that lives: a dead one is closed and started anew.

        Raises ConfigurationError or MeasurementError when the servers do not start.
        """
        choice = (strategy, replicas, carrier)
        self._close_if_dead(choice)
        if choice not in self._groups:
            self._groups[choice] = self._start(Arm(strategy, strategy, replicas, carrier))
        return self._groups[choice].target

    def close(self) -> None:
        with ExitStack() as every:
            for group in self._groups.values():
                every.push(group.stack)
            self._groups.clear()

    def _close_if_dead(self, choice: Choice) -> None:
        group = self._groups.get(choice)
        if group is None:
            return
        try:
            group.running.check_alive()
        except MeasurementError as death:
            logger.warning("%s\nstarting its servers anew", death)
            del self._groups[choice]
            group.stack.close()

    def _start(self, arm: Arm) -> _Group:
        arms = {arm.name: (arm, describe(arm, SERVER_SETTINGS))}
        with ExitStack() as stack:
            started = stack.enter_context(running_arms(arms, SERVER_SETTINGS, self.secrets))
            running = started[arm.name]
            readyz = readiness(running.replicas[0].address)
            target = ArmTarget(
                arm=arm.name,
                carrier=arm.carrier,
                cookie_name=readyz["cookie_name"],
                replicas=tuple(replica.address for replica in running.replicas),
            )
            return _Group(running, target, stack.pop_all())

"""Servers for the web UI: started when first chosen, kept until the UI ends."""

from __future__ import annotations

from contextlib import ExitStack

from loadtests.messages import ArmTarget
from loadtests.model import Arm, Carrier
from loadtests.target import RunSecrets, describe, running_arms
from loadtests.verify import readiness

# A click should not cost a second of hashing; the page is for looking, not for measuring logins.
SERVER_SETTINGS = {"argon2_memory_kib": 1024, "argon2_time_cost": 1, "argon2_parallelism": 1}


class OnDemand:
    """One group of servers per choice of strategy, replicas and carrier."""

    def __init__(self) -> None:
        self.secrets = RunSecrets.fresh()
        self._stack = ExitStack()
        self._targets: dict[tuple[str, int, Carrier], ArmTarget] = {}

    def target(self, strategy: str, replicas: int, carrier: Carrier) -> ArmTarget:
        """Raises ConfigurationError or MeasurementError when they do not start."""
        choice = (strategy, replicas, carrier)
        if choice not in self._targets:
            self._targets[choice] = self._start(Arm(strategy, strategy, replicas, carrier))
        return self._targets[choice]

    def close(self) -> None:
        self._targets.clear()
        self._stack.close()

    def _start(self, arm: Arm) -> ArmTarget:
        arms = {arm.name: (arm, describe(arm, SERVER_SETTINGS))}
        running = self._stack.enter_context(running_arms(arms, SERVER_SETTINGS, self.secrets))
        (started,) = running.values()
        readyz = readiness(started.replicas[0].address)
        return ArmTarget(
            arm=arm.name,
            carrier=arm.carrier,
            cookie_name=readyz["cookie_name"],
            replicas=tuple(replica.address for replica in started.replicas),
        )

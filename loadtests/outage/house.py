"""What fails: one store for all arms, the proxy before it, and every replica.

The store keeps its port for the whole block, so that whoever lost it finds it again; before every
trial it is started anew, empty, in the way the trial's fault wants it. Nothing is pinned to a CPU:
what is asked is what happens, not what it costs.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import requests

from loadtests.messages import ReplicaAddress
from loadtests.model import Arm, Setting
from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import Appendfsync, RunningStore, start_again, start_store
from loadtests.target import (
    MeasurementError,
    RunningArm,
    RunSecrets,
    Starting,
    StrategyFacts,
    await_replica,
    running_arms,
)
from loadtests.target import start_again as start_replica_again

READY_WITHIN_S = 20.0
POLL_S = 0.02
# Few, so that those which are back already are hardly slowed down by those which start.
STARTED_AT_ONCE = 2


class House:
    """Methods that break something return once it is broken; those that mend, once it works."""

    def __init__(
        self,
        stack: ExitStack,
        store_life: ExitStack,
        store: RunningStore,
        proxy: RunningProxy,
        arms: Mapping[str, RunningArm],
    ) -> None:
        self._stack = stack
        self._store_life = store_life
        self.store = store
        self.proxy = proxy
        self.replicas = {name: list(arm.replicas) for name, arm in arms.items()}
        self._port = urlsplit(store.url).port
        self._is_away: set[str] = set()

    def new_store(self, appendfsync: Appendfsync | None) -> None:
        """In place of the one there was; every replica is ready with it. Raises MeasurementError
        naming one that is not."""
        self._store_life.close()
        anew = start_store(self._port, appendfsync, stays=True)
        self.store = self._store_life.enter_context(anew)
        self.await_ready()

    def kill_store(self) -> None:
        assert self.store.pid is not None
        os.kill(self.store.pid, signal.SIGKILL)

    def restart_store(self) -> None:
        """On the files it left, if it keeps any."""
        self.store = start_again(self.store)

    def signal_store(self, number: signal.Signals) -> None:
        assert self.store.pid is not None
        os.kill(self.store.pid, number)

    def kill_replicas(self, number: int, arms: Sequence[str]) -> None:
        """One of each of `arms`."""
        killed = [self.replicas[name][number] for name in arms]
        self._is_away.update(arms)
        for replica in killed:
            replica.process.kill()
        for replica in killed:
            replica.process.wait()

    def restart_replicas(self, number: int, arms: Iterable[str]) -> Iterator[str]:
        """The arm's name as soon as its killed replica listens again, two at a time, in the order
        of `arms`."""
        starting: list[tuple[str, Starting]] = []
        for name in arms:
            killed = self.replicas[name][number]
            starting.append((name, start_replica_again(self._stack, killed)))
            if len(starting) == STARTED_AT_ONCE:
                yield self._await(number, *starting.pop(0))
        for each in starting:
            yield self._await(number, *each)

    def check_alive(self) -> None:
        """Raises MeasurementError naming what has ended, though nobody ended it."""
        for name, replicas in self.replicas.items():
            for replica in replicas:
                if name not in self._is_away:
                    replica.check_alive()
        if self.store.has_ended:
            raise MeasurementError(f"the guard of the store (pid {self.store.pid}) ended")
        if self.proxy.has_ended:
            raise MeasurementError(f"the proxy before the store (pid {self.proxy.pid}) ended")

    def await_ready(self) -> None:
        deadline_s = time.monotonic() + READY_WITHIN_S
        for replicas in self.replicas.values():
            for replica in replicas:
                while not _is_ready(replica.address):
                    replica.check_alive()
                    if time.monotonic() > deadline_s:
                        raise MeasurementError(
                            f"{replica.name} (pid {replica.process.pid}) is not ready "
                            f"{READY_WITHIN_S:g} s after its store was started anew"
                        )
                    time.sleep(POLL_S)

    def _await(self, number: int, name: str, starting: Starting) -> str:
        replica = await_replica(starting)
        self.replicas[name][number] = replica
        self._is_away.discard(name)
        return name


@contextmanager
def furnished(
    arms: Mapping[str, tuple[Arm, StrategyFacts]],
    server_settings: Mapping[str, Setting],
    run_secrets: RunSecrets,
) -> Iterator[tuple[House, dict[str, RunningArm]]]:
    """Everything started, and ended with the block or with this process.

    Raises ConfigurationError and MeasurementError as `running_arms` does.
    """
    with ExitStack() as stack:
        store_life = stack.enter_context(ExitStack())
        store = store_life.enter_context(start_store(stays=True))
        proxy = stack.enter_context(start_proxy(store.url))
        running = stack.enter_context(
            running_arms(arms, server_settings, run_secrets, shared_store_url=proxy.url)
        )
        yield House(stack, store_life, store, proxy, running), running


def _is_ready(address: ReplicaAddress) -> bool:
    try:
        return requests.get(f"{address.origin}/readyz", timeout=READY_WITHIN_S).status_code == 200
    except requests.RequestException:
        return False

"""Starts, checks and stops what is measured: for every arm a store of its own and its replicas."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from loadtests import server_flags
from loadtests.children import read_line, stop
from loadtests.messages import ReplicaAddress
from loadtests.model import Arm, ConfigurationError, Setting
from loadtests.signing_keys import SigningKeys
from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import RunningStore, external_store, start_store

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 8.0
LOG_LINES_SHOWN = 5
_ROOT = Path(__file__).parent.parent


class MeasurementError(Exception):
    """Something died or hung while it was measured: the run ends `interrupted`."""


@dataclass(frozen=True, slots=True)
class RunSecrets:
    """Made for one run and handed to its servers by environment, never by argument."""

    admin_secret: str
    signing_keys: SigningKeys
    password: str

    @classmethod
    def fresh(cls) -> RunSecrets:
        return cls(secrets.token_urlsafe(32), SigningKeys(), secrets.token_urlsafe(32))

    def environment(self, key_kind: str) -> dict[str, str]:
        """What a server whose strategy signs with that kind of key is started with."""
        return {
            "AUTHBENCH_ADMIN_SECRET": self.admin_secret,
            "AUTHBENCH_SIGNING_KEY": self.signing_keys.of(key_kind),
            "AUTHBENCH_USER_PASSWORD": self.password,
        }


@dataclass(frozen=True, slots=True)
class StrategyFacts:
    """What a strategy says of itself, and of its settings, before any server of it runs.

    `law_bound_s` None: what is revoked stays good for ever.
    """

    needs_store: bool
    key_kind: str = "secret"
    law_bound_s: float | None = None


def law_bounds_s(facts: Mapping[str, StrategyFacts]) -> dict[str, float | None]:
    """By arm."""
    return {name: each.law_bound_s for name, each in facts.items()}


@dataclass(frozen=True, slots=True)
class Launch:
    """How a replica is started; all but its port."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Replica:
    """One server process that listens."""

    launch: Launch
    process: subprocess.Popen[bytes]
    address: ReplicaAddress
    log: IO[bytes]

    @property
    def name(self) -> str:
        return self.launch.name

    def check_alive(self) -> None:
        """Raises MeasurementError with the last log lines when the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise MeasurementError(
                f"{self.name} (pid {self.process.pid}) ended with status {status}; "
                f"its last log lines:\n{_tail(self.log)}"
            )


@dataclass(frozen=True, slots=True)
class RunningArm:
    """An arm that answers. `store` is None where the strategy has none, `proxy` where its
    replicas ask the store directly."""

    arm: Arm
    replicas: tuple[Replica, ...]
    store: RunningStore | None
    proxy: RunningProxy | None = None

    def check_alive(self) -> None:
        """Raises MeasurementError naming the replica, the store or the proxy that has ended."""
        for replica in self.replicas:
            replica.check_alive()
        if self.store is not None and self.store.has_ended:
            raise MeasurementError(f"the store of {self.arm.name} (pid {self.store.pid}) ended")
        if self.proxy is not None and self.proxy.has_ended:
            raise MeasurementError(
                f"the proxy before the store of {self.arm.name} (pid {self.proxy.pid}) ended"
            )


class Starting(NamedTuple):
    """A replica's process that does not listen yet."""

    launch: Launch
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def describe(arm: Arm, server_settings: Mapping[str, Setting]) -> StrategyFacts:
    """Asks the servers' package what a strategy needs; settings it lacks are found here.

    Raises ExperimentError naming key, value and what is allowed; ConfigurationError with the
    servers' own line where no key is the cause.
    """
    asked = subprocess.run(
        [*_command(arm, server_settings), "--describe"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode != 0:
        why = asked.stderr.strip().splitlines()[-1:] or ["cannot be described"]
        raise server_flags.refusal(why[0], arm, server_settings)
    told = json.loads(asked.stdout)
    return StrategyFacts(
        needs_store=bool(told["needs_store"]),
        key_kind=str(told["key_kind"]),
        law_bound_s=told["law"]["bound_s"],
    )


@contextmanager
def running_arms(
    arms: Mapping[str, tuple[Arm, StrategyFacts]],
    server_settings: Mapping[str, Setting],
    run_secrets: RunSecrets,
    *,
    through_proxies: bool = False,
    shared_store_url: str | None = None,
) -> Iterator[dict[str, RunningArm]]:
    """Every arm of a block, started together and ended together; each with a store of its own,
    or all with the one at `shared_store_url`, where each has its own key prefix.

    `through_proxies`: each store is reached through a proxy of its arm's own.
    Raises ConfigurationError when a server refuses its settings, MeasurementError when one does
    not come up.
    """
    with ExitStack() as stack:
        stores = {
            name: stack.enter_context(_store())
            for name, (_arm, facts) in arms.items()
            if facts.needs_store and shared_store_url is None
        }
        proxies = {
            name: stack.enter_context(start_proxy(store.url))
            for name, store in (stores if through_proxies else {}).items()
        }
        ways: Mapping[str, RunningStore | RunningProxy] = {**stores, **proxies}
        starting: dict[str, list[Starting]] = {}
        for name, (arm, facts) in arms.items():
            command = _command(arm, server_settings)
            environment = {**os.environ, **run_secrets.environment(facts.key_kind)}
            if facts.needs_store:
                url = shared_store_url or ways[name].url
                command += ["--store", url, "--key-prefix", f"authbench:{name}:"]
            starting[name] = [
                _start(stack, _launch(name, number, command, environment))
                for number in range(arm.replicas)
            ]
        # Runs first at the end: all are told to stop before any is waited for.
        stack.callback(_tell_to_stop, [each.process for all_ in starting.values() for each in all_])
        yield {
            name: RunningArm(
                arm,
                tuple(await_replica(started) for started in starting[name]),
                stores.get(name),
                proxies.get(name),
            )
            for name, (arm, _facts) in arms.items()
        }


@contextmanager
def _store() -> Iterator[RunningStore]:
    url = os.environ.get("REDIS_URL")
    if url:
        yield external_store(url)
        return
    with start_store() as store:
        yield store


def _command(arm: Arm, server_settings: Mapping[str, Setting]) -> list[str]:
    command = [sys.executable, "-m", "servers", "--strategy", arm.strategy]
    command += ["--carrier", arm.carrier]
    if arm.carrier == "cookie":
        command.append("--insecure-cookie")
    return command + server_flags.flags(arm, server_settings)


def start_again(stack: ExitStack, replica: Replica) -> Starting:
    """A replica that has ended, on the port where it was; ends with `stack`.

    To be awaited (`await_replica`).
    """
    return _start(stack, replica.launch, replica.address.port)


def _launch(arm: str, number: int, command: list[str], environment: dict[str, str]) -> Launch:
    numbered = (*command, "--replica", str(number), "--exit-with-parent")
    return Launch(f"{arm} replica {number}", numbered, environment)


def _start(stack: ExitStack, launch: Launch, port: int = 0) -> Starting:
    # A file without a name: whatever kills this process, no log is left behind.
    log = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    process = subprocess.Popen(
        [*launch.command, "--port", str(port)],
        cwd=_ROOT,
        env=launch.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    stack.callback(stop, process, STOP_TIMEOUT_S)
    return Starting(launch, process, log)


def await_replica(starting: Starting) -> Replica:
    """Returns once it listens. Raises ConfigurationError where it refuses its settings,
    MeasurementError with its last log lines where it does not come up."""
    launch, process, log = starting
    line = read_line(process, START_TIMEOUT_S)
    if not line:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        if process.poll() == 2:
            raise ConfigurationError(_tail(log, 1).strip())
        raise MeasurementError(f"{launch.name} did not start; its last log lines:\n{_tail(log)}")
    told = json.loads(line)
    address = ReplicaAddress(told["host"], told["port"], process.pid)
    return Replica(launch, process, address, log)


def _tell_to_stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()


def _tail(log: IO[bytes], lines: int = LOG_LINES_SHOWN) -> str:
    # The server writes at the same offset, so this reads without moving it.
    text = os.pread(log.fileno(), 1 << 20, 0).decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])

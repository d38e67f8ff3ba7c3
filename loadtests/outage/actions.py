"""How each fault is made, kept up and mended, and when that happened."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from loadtests.awake import spinner_pids
from loadtests.cpu_clock import machine_cpu, processes_cpu_ns
from loadtests.model import Outage
from loadtests.outage.course import Course
from loadtests.outage.faults import FAULTS
from loadtests.outage.house import House

_NS_PER_S = 1_000_000_000
STORM_EVERY_S = 0.1
# After its store was lost a replica is left alone for so long, to find out.
LOST_BEFORE_KILL_S = 1.0

# What to do over and over again while the fault stands.
KeepUp = Callable[[], None]
Mended = dict[str, int]
Action = Callable[[House, Mended, "Killing"], AbstractContextManager[KeepUp]]


@dataclass(frozen=True, slots=True)
class Killing:
    """Which replica a fault kills of every arm that takes part, and in which order these get theirs
    back: two start at a time, so the last waits longest."""

    replica: int
    arms: tuple[str, ...]

    @classmethod
    def drawn(cls, dice: random.Random, replicas: int, arms: Iterable[str]) -> Killing:
        names = list(arms)
        return cls(dice.randrange(replicas), tuple(dice.sample(names, len(names))))


def run_fault(house: House, outage: Outage, begin_ns: int, killing: Killing) -> Course:
    """Returns when all is mended, or at the planned end of the fault, whichever is later.

    Whatever ends it early, what was broken on the way is mended.
    """
    mended: Mended = {}
    _sleep_until(begin_ns + int(outage.before_s * _NS_PER_S))
    until_ns = begin_ns + int((outage.before_s + outage.fault_s) * _NS_PER_S)
    began_ns = time.monotonic_ns()
    with ACTIONS[outage.fault](house, mended, killing) as keep_up:
        struck_ns = time.monotonic_ns()
        # From here on is counted what the way to the store adds.
        house.proxy.added_delay()
        while time.monotonic_ns() < until_ns:
            keep_up()
            _sleep_until(min(until_ns, time.monotonic_ns() + int(STORM_EVERY_S * _NS_PER_S)))
        added = house.proxy.added_delay()
        mending_ns = time.monotonic_ns()
    mended.setdefault("", time.monotonic_ns())
    return Course(
        began_ns=began_ns - begin_ns,
        struck_ns=struck_ns - begin_ns,
        mending_ns=mending_ns - begin_ns,
        mended_ns={arm: at_ns - begin_ns for arm, at_ns in mended.items()},
        killed_replica=killing.replica if FAULTS[outage.fault].hits == "replica" else None,
        added_delay_p50_s=added.p50_s,
        added_delay_p99_s=added.p99_s,
    )


class BusyWatch:
    """How much of the machine's CPU was in use since it was made; what keeps idle CPUs awake uses
    none that anybody wants."""

    def __init__(self) -> None:
        self._idling = spinner_pids()
        self._before, self._began_s = machine_cpu(), time.monotonic()
        self._idled_ns = processes_cpu_ns(self._idling)

    def share(self) -> float | None:
        now, elapsed_s = machine_cpu(), time.monotonic() - self._began_s
        idled_ns = processes_cpu_ns(self._idling)
        if now is None or self._before is None or idled_ns is None or self._idled_ns is None:
            return None
        used_s = now.busy_since(self._before, elapsed_s) - (idled_ns - self._idled_ns) / 1e9
        return max(0.0, used_s) / (now.cpus * elapsed_s)


@contextmanager
def _killed(house: House, _mended: Mended, _killing: Killing) -> Iterator[KeepUp]:
    house.kill_store()
    try:
        yield _wait
    finally:
        house.restart_store()


@contextmanager
def _frozen(house: House, _mended: Mended, _killing: Killing) -> Iterator[KeepUp]:
    house.signal_store(signal.SIGSTOP)
    try:
        yield _wait
    finally:
        house.signal_store(signal.SIGCONT)


def _slow(fault: str) -> Action:
    @contextmanager
    def slow(house: House, _mended: Mended, _killing: Killing) -> Iterator[KeepUp]:
        house.proxy.set_delay(FAULTS[fault].added_delay_s)
        try:
            yield _wait
        finally:
            house.proxy.set_delay(0.0)

    return slow


@contextmanager
def _reset_storm(house: House, _mended: Mended, _killing: Killing) -> Iterator[KeepUp]:
    house.proxy.reset()
    yield house.proxy.reset


def _swallowed(*words: bytes) -> Action:
    @contextmanager
    def swallowed(house: House, _mended: Mended, _killing: Killing) -> Iterator[KeepUp]:
        house.proxy.swallow(*(words or (None,)))
        try:
            yield _wait
        finally:
            house.proxy.restore()

    return swallowed


@contextmanager
def _replica_killed(house: House, mended: Mended, killing: Killing) -> Iterator[KeepUp]:
    """Restarts at once; an arm is mended when its own is back."""
    house.kill_replicas(killing.replica, killing.arms)
    back = house.restart_replicas(killing.replica, killing.arms)

    def bring_back() -> None:
        for arm in back:
            mended[arm] = time.monotonic_ns()

    yield bring_back


@contextmanager
def _replica_killed_after_loss(house: House, mended: Mended, killing: Killing) -> Iterator[KeepUp]:
    house.kill_store()
    house.restart_store()
    time.sleep(LOST_BEFORE_KILL_S)
    with _replica_killed(house, mended, killing) as bring_back:
        yield bring_back


ACTIONS: Mapping[str, Action] = {
    "killed_empty": _killed,
    "killed_aof_everysec": _killed,
    "killed_aof_always": _killed,
    "frozen": _frozen,
    "half_open": _swallowed(),
    "slow_5ms": _slow("slow_5ms"),
    "slow_50ms": _slow("slow_50ms"),
    "reset_storm": _reset_storm,
    "tracking_lost": _swallowed(b"TRACKING"),
    "subscriber_cut": _swallowed(b"TRACKING", b"SUBSCRIBE", b"XREAD"),
    "replica_killed": _replica_killed,
    "replica_killed_after_loss": _replica_killed_after_loss,
}


def _wait() -> None:
    """The fault stands by itself."""


def _sleep_until(at_ns: int) -> None:
    time.sleep(max(0.0, (at_ns - time.monotonic_ns()) / _NS_PER_S))

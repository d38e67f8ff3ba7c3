"""CPU of an arm, of the generator and of the machine, read at the edges of a slice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadtests.cpu_clock import MachineCpu, machine_cpu, processes_cpu_ns
from loadtests.messages import ArmTarget, Order
from loadtests.model import CpuSeconds
from loadtests.store_server import StoreCpu

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds between two readings; None where something cannot be read.

    The generator's hold those of its workers, which `workers_s` names one by one.
    """

    cpu_s: CpuSeconds
    workers_s: tuple[float | None, ...]
    steal_s: float | None
    foreign_cpu_s: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU clocks at one moment, in ns. `ours_ns`: every process of this run, measured or idle."""

    at_ns: int
    server_ns: int | None
    store_ns: int | None
    generator_ns: int | None
    ours_ns: int | None
    machine: MachineCpu | None
    workers_ns: tuple[int | None, ...] = ()
    proxy_ns: int | None = None

    def since(self, before: Reading) -> Spent:
        machine, was = self.machine, before.machine
        foreign_cpu_s = steal_s = None
        if machine is not None and was is not None:
            steal_s = machine.steal_s - was.steal_s
            ours_s = _difference_s(self.ours_ns, before.ours_ns)
            if ours_s is not None:
                elapsed_s = (self.at_ns - before.at_ns) / _NS_PER_S
                foreign_cpu_s = max(0.0, machine.busy_since(was, elapsed_s) - ours_s)
        return Spent(
            CpuSeconds(
                server=_difference_s(self.server_ns, before.server_ns),
                store=_difference_s(self.store_ns, before.store_ns),
                generator=_difference_s(self.generator_ns, before.generator_ns),
                proxy=_difference_s(self.proxy_ns, before.proxy_ns),
            ),
            tuple(map(_difference_s, self.workers_ns, before.workers_ns)),
            steal_s,
            foreign_cpu_s,
        )


class Meters:
    """Reads the clocks of one arm; pids unknown (servers elsewhere) read as None."""

    def __init__(self, measured: ArmTarget, order: Order, worker_pids: Sequence[int] = ()) -> None:
        self._worker_pids = worker_pids
        known = [replica.pid for replica in measured.replicas if replica.pid is not None]
        self._server_pids = known if len(known) == len(measured.replicas) else None
        self._read_store = _store_clock(measured)
        self._proxy_pid = measured.proxy_pid
        # A store that is no process of ours still takes its CPU from this machine.
        self._store_is_foreign = measured.store_pid is None and is_local(measured.store_url)
        self._our_pids = [
            pid
            for target in order.targets
            for pid in (
                target.store_pid,
                target.proxy_pid,
                *(replica.pid for replica in target.replicas),
            )
            if pid is not None
        ] + [*order.own_pids, os.getpid(), *worker_pids]

    def read(self) -> Reading:
        at_ns = time.monotonic_ns()
        server_ns = None if self._server_pids is None else processes_cpu_ns(self._server_pids)
        store_ns = self._read_store()
        ours_ns = processes_cpu_ns(self._our_pids)
        if self._store_is_foreign:
            ours_ns = None if ours_ns is None or store_ns is None else ours_ns + store_ns
        workers_ns = tuple(processes_cpu_ns([pid]) for pid in self._worker_pids)
        return Reading(
            at_ns=at_ns,
            server_ns=server_ns,
            store_ns=store_ns,
            proxy_ns=None if self._proxy_pid is None else processes_cpu_ns([self._proxy_pid]),
            generator_ns=_sum(time.process_time_ns(), *workers_ns),
            ours_ns=ours_ns,
            machine=machine_cpu(),
            workers_ns=workers_ns,
        )


def _store_clock(measured: ArmTarget) -> Callable[[], int | None]:
    pid = measured.store_pid
    if pid is not None:
        return lambda: processes_cpu_ns([pid])
    if measured.store_url is not None:
        return StoreCpu(measured.store_url).read_ns
    # A strategy without a store spends nothing there.
    return lambda: 0


def is_local(store_url: str | None) -> bool:
    """Whether a store's URL names this machine, by a loopback address or a socket file."""
    if store_url is None:
        return False
    parts = urlsplit(store_url)
    host = parts.hostname or ""
    return parts.scheme == "unix" or host in {"localhost", "::1"} or host.startswith("127.")


def _sum(*clocks_ns: int | None) -> int | None:
    return None if None in clocks_ns else sum(clock_ns or 0 for clock_ns in clocks_ns)


def _difference_s(after_ns: int | None, before_ns: int | None) -> float | None:
    if after_ns is None or before_ns is None:
        return None
    return (after_ns - before_ns) / _NS_PER_S

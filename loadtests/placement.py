"""Which CPU runs what, so that the generator never shares a core with what it measures."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

import psutil

from loadtests.model import Placement
from loadtests.realtime import come_first

NOWHERE = Placement((), (), ())


def place(
    cpus: Iterable[int], max_server_cpus: int | None = None, generators: int = 1
) -> Placement:
    """Pure: the CPUs to use -> who runs where.

    One: nothing is pinned. Two: servers and stores on the first, generators and runner on the
    other. Three: the stores get their own. Four and more: each of the `generators` gets its own,
    as far as one is left for servers and one for stores, and the servers get the rest, or as many
    of it as `max_server_cpus` allows, so that the generators can bring them to their limit.
    """
    ordered = tuple(sorted(cpus))
    if len(ordered) < 2:
        return NOWHERE
    if len(ordered) == 2:
        return Placement(ordered[:1], ordered[:1], ordered[1:])
    own = min(generators, len(ordered) - 2) if len(ordered) > 3 else 1
    servers, stores = ordered[: -own - 1], ordered[-own - 1 : -own]
    return Placement(servers[:max_server_cpus], stores, ordered[-own:])


def worker_cpu(placement: Placement, worker: int) -> int | None:
    """Which CPU one of several generators keeps to: they take theirs in turn. None: any."""
    cpus = placement.generator_cpus
    return cpus[worker % len(cpus)] if cpus else None


def take_place(placement: Placement, cpu: int | None = None) -> None:
    """Called by a generator process: it keeps to the generators' CPUs, or to its own `cpu` of
    them, and comes first there. Does nothing where they share a CPU with what is measured."""
    if placement.generator_cpus:
        pin(os.getpid(), placement.generator_cpus if cpu is None else (cpu,))
        come_first()


def usable_cpus() -> tuple[int, ...]:
    """The CPUs this process may run on; none where the platform cannot pin."""
    return tuple(sorted(os.sched_getaffinity(0))) if sys.platform == "linux" else ()


def pin(pid: int, cpus: tuple[int, ...]) -> None:
    """Moves every thread of a process to `cpus`; does nothing where none are given."""
    if not cpus or sys.platform != "linux":
        return
    for thread in psutil.Process(pid).threads():
        # It may have ended since.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, cpus)

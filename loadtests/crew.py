"""What a walk says to those who play for it: part by part, one part a slice.

A walk conducts: it knows the plan, reads the clocks and keeps the records. A crew has the users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from loadtests.model import Books, Load, LostWorker, PlannedSlice
from loadtests.pacing import due_times_ns
from loadtests.recorder import Tally
from loadtests.saturation import Look

Item = TypeVar("Item")


class WorkerLostError(Exception):
    """A worker died or fell silent: what it was to play cannot be known any more."""

    def __init__(self, lost: LostWorker) -> None:
        super().__init__(lost.why)
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Share:
    """What one of `workers` takes of everything that is numbered: each `workers`-th, from its own
    number on. The shares together are the whole, whatever their number."""

    worker: int = 0
    workers: int = 1

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[self.worker :: self.workers]

    def count(self, total: int) -> int:
        """How many of `total` things are this worker's."""
        return len(range(self.worker, total, self.workers))

    def number(self, own: int) -> int:
        """The number among all of this worker's `own`-th thing, counted from 0."""
        return self.worker + own * self.workers


WHOLE = Share()


@dataclass(frozen=True, slots=True)
class Part:
    """What to play in one attempt at a slice; times on the monotonic clock in ns.

    Load runs from `guard_ns`, counts from `start_ns`, and falls due before `end_ns`, or until the
    crew is told to end. A gentle guard has half the rate.
    """

    planned: PlannedSlice
    attempt: int
    scenario: str
    load: Load
    guard_ns: int
    start_ns: int
    end_ns: int
    gentle_guard: bool = False


@dataclass(frozen=True, slots=True)
class WorkerPlayed:
    """What one worker did of a part: requests completed, and when it began to play, in ns."""

    completed: int
    began_ns: int


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a part; `unsent`, `pool_exhausted` and `books` as in a slice's record.

    `workers` in their order; none where this process played alone.
    """

    tally: Tally
    unsent: int
    pool_exhausted: int
    books: Books
    workers: tuple[WorkerPlayed, ...] = ()


class Crew(Protocol):
    """Plays one part at a time: begin, perhaps some looks, end, sum up.

    Raises WorkerLostError from any of them when one of several workers fails.
    """

    @property
    def lead_ns(self) -> int:
        """How long before its guard begins a part must be known, in ns."""
        ...

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The workers' processes, once rehearsed; none where this process plays alone."""
        ...

    def rehearse(self) -> None:
        """Every user works at every arm, so that connections stand and code is warm."""
        ...

    def begin(self, part: Part) -> None: ...

    def look(self) -> Look:
        """What waits for an answer at this moment."""
        ...

    def end(self, at_ns: int, *, give_up: bool) -> None:
        """Returns when all that fell due up to `at_ns` has an outcome, or can have none any more.

        With `give_up` what still waits for a user then is not sent.
        """
        ...

    def sum_up(self, start_ns: int, end_ns: int) -> Played:
        """Of the requests that belong to [start_ns, end_ns)."""
        ...


def part_dues_ns(part: Part) -> list[int]:
    """Due times of the whole crew, ascending; none for a closed load.

    The guard of a probe has half its rate: servers that come from a pause answer the first
    requests slowly, and near their limit they would carry that queue through the whole probe.
    """
    load, seed = part.load, part.planned.seed
    if not part.gentle_guard or load.rate_rps is None:
        return due_times_ns(load, part.guard_ns, part.end_ns, seed)
    half = replace(load, rate_rps=load.rate_rps / 2)
    # A seed of its own, or the guard would repeat the pattern of the probe.
    warming_ns = due_times_ns(half, part.guard_ns, part.start_ns, seed + 1)
    return warming_ns + due_times_ns(load, part.start_ns, part.end_ns, seed)

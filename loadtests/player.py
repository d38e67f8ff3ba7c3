"""Plays parts with the users of this process: hands out due times, drains, sums up."""

from __future__ import annotations

import time
from collections.abc import Callable

from loadtests import scenarios
from loadtests.crew import WHOLE, Part, Played, Share, part_dues_ns
from loadtests.dispatcher import Dispatcher, new_alarm, wait_until
from loadtests.messages import Order
from loadtests.model import Books
from loadtests.recorder import tally
from loadtests.saturation import Look
from loadtests.stage import Drive, Stage

_NS_PER_S = 1_000_000_000

Turn = Callable[[str], None]
Count = Callable[[], tuple[int, int]]


class Player:
    """A crew of one process, or one worker of several with its share of users and due times.

    `turn_to` points every user of this process at an arm; `count` says how many requests were
    begun by now, and how many of them are under way.
    """

    # From drawing due times to the first of them.
    lead_ns = 5_000_000
    worker_pids: tuple[int, ...] = ()

    def __init__(
        self, order: Order, stage: Stage, turn_to: Turn, count: Count, share: Share = WHOLE
    ) -> None:
        self._share = share
        self._experiment = order.experiment
        self._stage = stage
        self._turn_to = turn_to
        self._count = count
        self._ended_before = 0
        self._alarm = new_alarm()
        self._dispatcher = Dispatcher(new_alarm(), stage.hand_out)
        self._part: Part | None = None
        self._unsent = 0

    def rehearse(self) -> None:
        browse = scenarios.load("browse")
        for arm in self._experiment.arms:
            self._turn_to(arm.name)
            self._stage.open(_drive(browse))
            until_ns = time.monotonic_ns() + int(self._experiment.warm_up_s * _NS_PER_S)
            self._stage.run_closed(self._stage.waiting, until_ns)
            wait_until(self._alarm, until_ns)
            self._stage.drain(self._experiment.request_timeout_s)

    def begin(self, part: Part) -> None:
        self._part = part
        self._turn_to(part.planned.arm)
        dues_ns = self._share.of(part_dues_ns(part))
        self._stage.open(_drive(scenarios.load(part.scenario)))
        begun, under_way = self._count()
        self._ended_before = begun - under_way
        if part.load.is_open:
            self._dispatcher.start(dues_ns)
        else:
            self._stage.run_closed(self._share.count(part.load.users or 1), part.end_ns)

    def look(self) -> Look:
        """With n requests unanswered, the oldest of them has been due at least as long as the n-th
        last, whatever the order of the answers."""
        now_ns, unanswered = time.monotonic_ns(), self._stage.unanswered
        lag_ns = now_ns - self._dispatcher.due_ns(unanswered) if unanswered else 0
        return Look(now_ns / _NS_PER_S, unanswered, lag_ns / _NS_PER_S)

    def end(self, at_ns: int, *, give_up: bool) -> None:
        self._dispatcher.stop(at_ns)
        # The end and the last due times may wake a busy loop together, the end first.
        self._dispatcher.all_out.wait()
        self._unsent = self._stage.give_up() if give_up else 0
        self._unsent += self._stage.drain(self._experiment.request_timeout_s)

    def sum_up(self, start_ns: int, end_ns: int) -> Played:
        assert self._part is not None
        begun, under_way = self._count()
        return Played(
            tally(self._stage.stamps, start_ns, end_ns, by_due=self._part.load.is_open),
            self._unsent,
            self._stage.pool_exhausted,
            Books(begun - self._ended_before, len(self._stage.stamps), under_way),
        )


def _drive(iterate: scenarios.Iterate) -> Drive:
    def drive(user: object, due_ns: int) -> None:
        iterate(user.visitor, due_ns)  # type: ignore[attr-defined]

    return drive

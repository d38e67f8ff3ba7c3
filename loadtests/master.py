"""The crew of several Locust workers, as their master leads it: cues out, answers merged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gevent.event import Event
from gevent.queue import Empty, Queue

from loadtests.crew import Part, Played, Share, WorkerLostError
from loadtests.cues import ANSWER, CUE, Answer, Cue, Ending, Key, Stretch, pack_cue, unpack_answer
from loadtests.messages import Order
from loadtests.model import Books, LostWorker
from loadtests.recorder import merge
from loadtests.saturation import Look
from loadtests.stage import ABORTED_WITHIN_S
from loadtests.user import LocustEnvironment

_NS_PER_S = 1_000_000_000
# How often a worker that owes an answer is looked after.
POLL_S = 0.1
# What a busy machine may need to fork, connect, start users, or add up a slice.
SPARE_S = 30.0
# Longer than any look takes, however far the servers have fallen behind.
PATIENCE_S = 5.0


class Workers:
    """A crew of `generators` workers; each answers every cue, or the block is lost.

    Made before Locust starts its users; `started` says when it has.
    """

    # From sending a part to the first due time: some ms for the message, some to draw.
    lead_ns = 50_000_000

    def __init__(self, environment: LocustEnvironment, order: Order, started: Event) -> None:
        self._runner = environment.runner
        self._order = order
        self._started = started
        self._answers: Queue[dict[str, Any]] = Queue()
        self._part: Part | None = None
        self._cues = 0
        self._client_ids: list[str] = []
        self.worker_pids: tuple[int, ...] = ()
        self._runner.register_message(ANSWER, lambda msg, **_: self._answers.put(msg.data))

    def rehearse(self) -> None:
        self.worker_pids = tuple(answer.pid for answer in self._hand_out_order())
        experiment = self._order.experiment
        each_s = experiment.warm_up_s + self._drained_s
        self._ask(Cue(self._next_key(), rehearse=True), SPARE_S + len(experiment.arms) * each_s)

    def _hand_out_order(self) -> list[Answer]:
        count = self._order.experiment.generators
        if not self._started.wait(SPARE_S):
            raise self.lost(None, f"not all {count} workers came within {SPARE_S:g} s")
        by_number = {self._runner.get_worker_index(each): each for each in self._runner.clients}
        self._client_ids = [by_number[worker] for worker in range(count)]
        key = self._next_key()
        for worker in range(count):
            share = Share(worker, count)
            self._send(worker, Cue(key, order=own_order(self._order, share), share=share))
        return self._await(key, SPARE_S)

    def begin(self, part: Part) -> None:
        self._part = part
        self._send_all(Cue(self._next_key(), begin=part))

    def look(self) -> Look:
        """All that is unanswered together, and the oldest of it."""
        answers = self._ask(Cue(self._next_key()), PATIENCE_S)
        looks = [answer.look for answer in answers if answer.look is not None]
        return Look(
            max(look.at_s for look in looks),
            sum(look.unanswered for look in looks),
            max(look.lag_s for look in looks),
        )

    def end(self, at_ns: int, *, give_up: bool) -> None:
        cue = Cue(self._next_key(), end=Ending(at_ns, give_up))
        self._ask(cue, self._drained_s + PATIENCE_S)

    def sum_up(self, start_ns: int, end_ns: int) -> Played:
        answers = self._ask(Cue(self._next_key(), sum_up=Stretch(start_ns, end_ns)), SPARE_S)
        shares = [answer.played for answer in answers if answer.played is not None]
        return Played(
            merge([share.tally for share in shares]),
            unsent=sum(share.unsent for share in shares),
            pool_exhausted=sum(share.pool_exhausted for share in shares),
            books=_added(share.books for share in shares),
            workers=tuple(worker for share in shares for worker in share.workers),
        )

    @property
    def _drained_s(self) -> float:
        """What a stage may need to become quiet: two time-outs, the second with its watchdog."""
        return 2 * self._order.experiment.request_timeout_s + ABORTED_WITHIN_S

    def _next_key(self) -> Key:
        self._cues += 1
        run_ns, block = self._order.run_started_ns, self._order.slices[0].block
        if self._part is None:
            return Key(run_ns, block, "", 0, "", 0, self._cues)
        planned, attempt = self._part.planned, self._part.attempt
        return Key(run_ns, block, planned.phase, planned.round, planned.arm, attempt, self._cues)

    def _send(self, worker: int, cue: Cue) -> None:
        self._runner.send_message(CUE, pack_cue(cue), client_id=self._client_ids[worker])

    def _send_all(self, cue: Cue) -> None:
        for worker in range(len(self._client_ids)):
            self._send(worker, cue)

    def _ask(self, cue: Cue, patience_s: float) -> list[Answer]:
        self._send_all(cue)
        return self._await(cue.key, patience_s)

    def _await(self, key: Key, patience_s: float) -> list[Answer]:
        """One answer to this cue from every worker, in their order."""
        heard: dict[int, Answer] = {}
        give_up_s = time.monotonic() + patience_s
        while len(heard) < len(self._client_ids):
            answer = self._next_answer()
            if answer is not None and answer.key == key:
                heard[answer.worker] = answer
            elif answer is None:
                self._look_after(set(range(len(self._client_ids))) - heard.keys(), give_up_s)
        return [heard[worker] for worker in sorted(heard)]

    def _next_answer(self) -> Answer | None:
        try:
            return unpack_answer(self._answers.get(timeout=POLL_S))
        except Empty:
            return None

    def _look_after(self, owing: set[int], give_up_s: float) -> None:
        for worker, pid in enumerate(self.worker_pids):
            if not _is_alive(pid):
                raise self.lost(worker, "it ended")
        if time.monotonic() >= give_up_s:
            raise self.lost(min(owing), "it did not answer")

    def lost(self, worker: int | None, why: str) -> WorkerLostError:
        """Names the slice that is played, if one is."""
        planned = self._part.planned if self._part is not None else None
        if planned is None:
            return WorkerLostError(LostWorker(worker, why))
        return WorkerLostError(LostWorker(worker, why, planned.phase, planned.round, planned.arm))


def _added(books: Iterable[Books]) -> Books:
    columns = zip(*((each.sent, each.ended, each.in_flight) for each in books), strict=True)
    return Books(*map(sum, columns))


def own_order(order: Order, share: Share) -> Order:
    """The order with the credentials of this worker's users only."""
    users = order.experiment.pool_users
    targets = tuple(
        replace(
            target,
            credentials=tuple(
                credential
                for number, credential in enumerate(target.credentials)
                if number % users % share.workers == share.worker
            ),
        )
        for target in order.targets
    )
    return replace(order, targets=targets)


def _is_alive(pid: int) -> bool:
    """Whether a child runs; Locust's forks are reaped by the event loop as they end."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""One of several generator processes: a Locust worker that plays its share of every part."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import gevent
from gevent.event import AsyncResult
from gevent.queue import Queue
from locust.stats import RequestStats

from loadtests import locust_statistics
from loadtests.crew import Part, Played, Share, WorkerPlayed
from loadtests.cues import ANSWER, CUE, Answer, Cue, Stretch, pack_answer, unpack_cue
from loadtests.messages import Order
from loadtests.placement import take_place, worker_cpu
from loadtests.player import Count, Player
from loadtests.stage import Stage
from loadtests.user import LocustEnvironment, SimulatedUser

_POLL_S = 0.01


class WorkerCast(Protocol):
    """The users of this process."""

    stage: Stage
    expected: int
    count: Count

    def attend(self, user: SimulatedUser) -> None: ...
    def turn_to(self, arm: str) -> None: ...


CastUsers = Callable[[Order, Share], WorkerCast]


class Worker:
    """Takes the master's cues one after the other; a failure ends the process, which is seen."""

    def __init__(self, environment: LocustEnvironment, cast_users: CastUsers) -> None:
        self._runner = environment.runner
        self._statistics: RequestStats = environment.stats
        self._cast_users = cast_users
        self._cast: AsyncResult[WorkerCast] = AsyncResult()
        self._cues: Queue[dict[str, Any]] = Queue()
        self._runner.register_message(CUE, lambda msg, **_: self._cues.put(msg.data))
        # Locust may start users before the order has come.
        environment.attend = self._attend
        gevent.spawn(self._play).link_exception(lambda _greenlet: os._exit(1))

    def _attend(self, user: SimulatedUser) -> None:
        cast = self._cast.get()
        assert cast is not None
        cast.attend(user)

    def _play(self) -> None:
        cue = unpack_cue(self._cues.get())
        assert cue.order is not None
        assert cue.share is not None
        placement = cue.order.placement
        take_place(placement, worker_cpu(placement, cue.share.worker))
        cast = self._cast_users(cue.order, cue.share)
        self._cast.set(cast)
        player = Player(cue.order, cast.stage, cast.turn_to, cast.count, cue.share)
        desk = _Desk(cast, player, self._statistics)
        answer = Answer(cue.key, cue.share.worker, os.getpid())
        while True:
            self._runner.send_message(ANSWER, pack_answer(answer))
            cue = unpack_cue(self._cues.get())
            while cue.begin is not None:
                desk.begin(cue.begin)
                cue = unpack_cue(self._cues.get())
            answer = desk.do(cue, answer)


class _Desk:
    """Does what cues say, and remembers when the part began."""

    def __init__(self, cast: WorkerCast, player: Player, statistics: RequestStats) -> None:
        self._cast = cast
        self._player = player
        self._statistics = statistics
        self._began_ns = 0

    def begin(self, part: Part) -> None:
        self._player.begin(part)
        self._began_ns = time.monotonic_ns()

    def do(self, cue: Cue, last: Answer) -> Answer:
        """The answer, when it is done; whose it is stands in the last."""
        look = played = None
        if cue.rehearse:
            self._rehearse()
        elif cue.end is not None:
            self._player.end(cue.end.at_ns, give_up=cue.end.give_up)
        elif cue.sum_up is not None:
            played = self._sum_up(cue.sum_up)
        else:
            look = self._player.look()
        return replace(last, key=cue.key, look=look, played=played)

    def _rehearse(self) -> None:
        while self._cast.stage.waiting < self._cast.expected:
            gevent.sleep(_POLL_S)
        self._player.rehearse()
        gc.collect()
        gc.freeze()
        gc.disable()

    def _sum_up(self, stretch: Stretch) -> Played:
        played = self._player.sum_up(stretch.start_ns, stretch.end_ns)
        # Here, as the next part may come at once and must not wait for it.
        locust_statistics.tell(self._statistics, self._cast.stage.stamps)
        gc.collect()
        did = WorkerPlayed(played.tally.completed, self._began_ns)
        return replace(played, workers=(did,))

"""A master's side without workers, and a cast's share without a master."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.event import Event

from loadtests import master
from loadtests.crew import Part, Played, Share, WorkerLostError, WorkerPlayed
from loadtests.cues import ANSWER, Answer, Cue, pack_answer, unpack_cue
from loadtests.master import Workers, own_order
from loadtests.messages import Credential, Order
from loadtests.model import Books, Load
from loadtests.planned import Cast
from loadtests.recorder import Stamp, tally
from loadtests.saturation import Look
from tests.loadtests.walking import a_block, an_order

POPULATION = 23
USERS = 7
WORKERS = 2


def order(**changes: Any) -> Order:
    experiment = a_block(population=POPULATION, pool_users=USERS, **changes)
    minted = [Credential(f"user-{n}", f"credential-{n}", "") for n in range(POPULATION)]
    return an_order(experiment, 1, minted)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_each_account_has_one_owner_whatever_the_number_of_workers(workers: int) -> None:
    def owners(split: int) -> dict[int, set[str]]:
        """The accounts of each user, by the user's number."""
        return {
            visitor_number: accounts
            for worker in range(split)
            for visitor_number, accounts in acting(order(), Share(worker, split))
        }

    assert owners(workers) == owners(1)
    assert sorted(owners(workers)) == list(range(USERS))
    everyone = [account for accounts in owners(workers).values() for account in accounts]
    assert sorted(everyone) == sorted(f"user-{n}" for n in range(POPULATION))


def acting(whole: Order, share: Share) -> Iterator[tuple[int, set[str]]]:
    """One more user than the cast expects stands aside."""
    cast = Cast(own_order(whole, share), share)
    users: list[Any] = [SimpleNamespace(visitor=None) for _ in range(cast.expected + 1)]
    greenlets = [gevent.spawn(cast.attend, user) for user in users]
    while cast.stage.waiting < cast.expected:
        gevent.sleep(0)
    gevent.sleep(0)
    assert cast.stage.waiting == cast.expected
    cast.turn_to("session_redis")
    *own, aside = users
    assert aside.visitor is None
    for user in own:
        yield user.visitor._next_line, {user.visitor.account().user_id for _ in range(POPULATION)}
    gevent.killall(greenlets, timeout=5)


class Runner:
    """Locust's master with workers whose answers a test decides."""

    def __init__(self, answers: Callable[[int, Cue], list[Answer]]) -> None:
        self.clients = {f"client-{worker}": None for worker in range(WORKERS)}
        self.cues: list[tuple[int, Cue]] = []
        self._answers = answers
        self._hear: Callable[..., None] = print

    def register_message(self, name: str, listener: Callable[..., None]) -> None:
        assert name == ANSWER
        self._hear = listener

    def get_worker_index(self, client_id: str) -> int:
        return int(client_id[-1])

    def send_message(self, _name: str, data: dict[str, Any], client_id: str) -> None:
        worker, cue = self.get_worker_index(client_id), unpack_cue(data)
        self.cues.append((worker, cue))
        for answer in self._answers(worker, cue):
            self._hear(msg=SimpleNamespace(data=pack_answer(answer)), environment=None)


def rehearsed(answers: Callable[[int, Cue], list[Answer]]) -> tuple[Workers, Runner]:
    started = Event()
    started.set()
    runner = Runner(answers)
    crew = Workers(SimpleNamespace(runner=runner), order(generators=WORKERS), started)
    crew.rehearse()
    return crew, runner


def answering(worker: int, cue: Cue, **said: Any) -> Answer:
    return Answer(cue.key, worker, os.getpid(), **said)


def a_part() -> Part:
    now_ns = time.monotonic_ns()
    load = Load("poisson", rate_rps=50.0)
    return Part(order().slices[0], 0, "browse", load, now_ns, now_ns, now_ns + 1)


def test_a_worker_gets_its_own_credentials_and_no_others() -> None:
    _crew, runner = rehearsed(lambda worker, cue: [answering(worker, cue)])
    told = [cue for _worker, cue in runner.cues if cue.order is not None]
    assert [cue.share for cue in told] == [Share(0, 2), Share(1, 2)]
    minted = [c for cue in told if cue.order for c in cue.order.targets[0].credentials]
    assert sorted(c.user_id for c in minted) == sorted(f"user-{n}" for n in range(POPULATION))


def test_shares_are_merged_and_looks_are_added() -> None:
    stamps = [Stamp("GET /me", 200, n, n + 1, n + 2_000 * n, 10, 20) for n in range(1, 40)]

    def answer(worker: int, cue: Cue) -> list[Answer]:
        if cue.begin is not None:
            return []
        share = tally(stamps[worker::WORKERS], 0, 100, by_due=True)
        did = (WorkerPlayed(share.completed, worker),)
        played = Played(share, 1 + worker, 2, Books(20, 19, 1), did)
        look = Look(5.0 + worker, 3, 0.5 - worker / 10)
        return [answering(worker, cue, played=played, look=look)]

    crew, _runner = rehearsed(answer)
    crew.begin(a_part())
    assert crew.look() == Look(6.0, 6, 0.5)
    crew.end(0, give_up=False)
    played = crew.sum_up(0, 100)
    assert played.tally == tally(stamps, 0, 100, by_due=True)
    assert (played.unsent, played.pool_exhausted) == (3, 4)
    assert played.books == Books(40, 38, 2)
    assert [worker.began_ns for worker in played.workers] == [0, 1]


def test_an_answer_said_twice_or_to_another_cue_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(master, "PATIENCE_S", 0.0)

    def answer(worker: int, cue: Cue) -> list[Answer]:
        if cue.order is not None or cue.rehearse:
            return [answering(worker, cue)]
        stale = answering(worker, Cue(cue.key._replace(number=cue.key.number - 1)))
        other_run = answering(worker, Cue(cue.key._replace(run_ns=1)))
        first = answering(0, cue, look=Look(1.0, 1, 0.0))
        return [stale, other_run, first, first]

    crew, _runner = rehearsed(answer)
    crew.begin(a_part())
    with pytest.raises(WorkerLostError) as error:
        crew.look()
    lost = error.value.lost
    assert (lost.worker, lost.why) == (1, "it did not answer")
    assert (lost.phase, lost.round, lost.arm) == ("capacity", 0, order().slices[0].arm)


def test_a_worker_that_ended_is_not_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait(10)

    def answer(worker: int, cue: Cue) -> list[Answer]:
        if cue.order is not None or cue.rehearse:
            return [Answer(cue.key, worker, ended.pid if worker == 1 else os.getpid())]
        return []

    with pytest.raises(WorkerLostError) as error, gevent.Timeout(master.SPARE_S / 2):
        rehearsed(answer)[0].sum_up(0, 1)
    assert (error.value.lost.worker, error.value.lost.why) == (1, "it ended")

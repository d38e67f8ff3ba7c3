"""Users here are greenlets with a number; what they do with a due time is each test's own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from gevent.event import Event

from loadtests.client import WATCHDOG_PERIOD_S
from loadtests.recorder import Stamp
from loadtests.stage import Stage

MS = 1_000_000


@contextmanager
def staged(users: int) -> Iterator[Stage]:
    stage = Stage()
    greenlets = [gevent.spawn(stage.attend, number) for number in range(users)]
    while stage.waiting < users:
        gevent.sleep(0)
    yield stage
    gevent.killall(greenlets, block=True, timeout=5)
    assert stage.waiting == 0


def in_hub(stage: Stage, *dues_ns: int) -> None:
    """Hands due times out as the dispatcher does: from the hub, one after the other."""
    handed = Event()

    def hand_out() -> None:
        for due_ns in dues_ns:
            stage.hand_out(due_ns)
        handed.set()

    gevent.get_hub().loop.run_callback(hand_out)
    assert handed.wait(5)


def test_a_closed_loop_keeps_its_users_busy_until_the_end() -> None:
    busy = most = 0
    began: Counter[int] = Counter()

    def work(user: int, due_ns: int) -> None:
        nonlocal busy, most
        busy, most = busy + 1, max(most, busy + 1)
        began[user] += 1
        assert due_ns <= time.monotonic_ns()
        gevent.sleep(0.002)
        busy -= 1

    with staged(8) as stage:
        stage.open(work)
        until_ns = time.monotonic_ns() + 60 * MS
        stage.run_closed(5, until_ns)
        assert stage.drain(5) == 0
        assert time.monotonic_ns() >= until_ns
        assert stage.waiting == 8
    assert most == 5
    assert len(began) == 5
    assert min(began.values()) >= 2
    assert busy == 0


def test_a_closed_loop_takes_no_more_users_than_there_are() -> None:
    seen = set()

    def work(user: int, _due_ns: int) -> None:
        seen.add(user)
        gevent.sleep(0.001)

    with staged(3) as stage:
        stage.open(work)
        stage.run_closed(10, time.monotonic_ns() + 10 * MS)
        stage.drain(5)
    assert seen == {0, 1, 2}


def test_a_users_next_request_is_due_when_its_last_is_done() -> None:
    """However long it waited for its turn since."""
    dues_ns: list[int] = []

    def work(_user: int, due_ns: int) -> None:
        dues_ns.append(due_ns)
        done_ns = time.monotonic_ns()
        gevent.sleep(0.002)
        stage.stamps.append(Stamp("GET /me", 200, due_ns, due_ns, done_ns, 1, 1))

    with staged(1) as stage:
        stage.open(work)
        stage.run_closed(1, time.monotonic_ns() + 30 * MS)
        stage.drain(5)
        assert len(dues_ns) > 2
        assert dues_ns[1:] == [stamp.done_ns for stamp in stage.stamps[:-1]]


def test_no_new_request_begins_after_the_end_of_a_closed_loop() -> None:
    begun_ns: list[int] = []

    def work(_user: int, due_ns: int) -> None:
        begun_ns.append(due_ns)
        gevent.sleep(0.003)

    with staged(4) as stage:
        stage.open(work)
        until_ns = time.monotonic_ns() + 20 * MS
        stage.run_closed(4, until_ns)
        stage.drain(5)
    assert max(begun_ns) < until_ns


def test_an_open_loop_takes_the_user_idle_longest() -> None:
    taken: list[tuple[int, int]] = []

    def work(user: int, due_ns: int) -> None:
        taken.append((user, due_ns))
        gevent.sleep(0.001 if user else 0.02)

    with staged(3) as stage:
        stage.open(work)
        in_hub(stage, 1, 2, 3)
        # Users 1 and 2 come back in order, user 0 last.
        stage.drain(5)
        in_hub(stage, 4, 5, 6)
        stage.drain(5)
        assert stage.pool_exhausted == 0
    assert taken == [(0, 1), (1, 2), (2, 3), (1, 4), (2, 5), (0, 6)]


def test_what_finds_no_idle_user_waits_its_turn_and_is_counted() -> None:
    taken: list[int] = []

    def work(_user: int, due_ns: int) -> None:
        taken.append(due_ns)
        gevent.sleep(0.002)

    with staged(2) as stage:
        stage.open(work)
        in_hub(stage, *range(1, 8))
        assert taken == [1, 2]
        assert stage.pool_exhausted == 5
        assert stage.drain(5) == 0
        assert taken == [1, 2, 3, 4, 5, 6, 7]
        assert stage.waiting == 2


def test_what_was_never_sent_is_told_and_forgotten() -> None:
    release = Event()
    taken: list[int] = []

    def work(_user: int, due_ns: int) -> None:
        taken.append(due_ns)
        release.wait()

    with staged(1) as stage:
        stage.open(work)
        in_hub(stage, 1, 2, 3)
        # Two never sent, and one that not even its own time-out ended.
        assert stage.drain(0.01) == 3
        release.set()
        assert stage.drain(5) == 0
        assert taken == [1]


def test_what_was_sent_last_may_live_out_its_own_time_out() -> None:
    timeout_s = 0.05
    ended: list[int] = []

    def frozen(_user: int, due_ns: int) -> None:
        gevent.sleep(timeout_s + WATCHDOG_PERIOD_S / 2)
        ended.append(due_ns)

    with staged(1) as stage:
        stage.open(frozen)
        in_hub(stage, 1, 2)
        assert stage.drain(timeout_s) == 1
        assert ended == [1]


def test_what_waits_can_be_given_up_and_what_is_under_way_ends() -> None:
    release = Event()
    taken: list[int] = []

    def work(_user: int, due_ns: int) -> None:
        taken.append(due_ns)
        release.wait()

    with staged(2) as stage:
        stage.open(work)
        assert stage.unanswered == 0
        in_hub(stage, 1, 2, 3, 4, 5)
        assert stage.unanswered == 5
        assert stage.give_up() == 3
        assert stage.unanswered == 2
        release.set()
        assert stage.drain(5) == 0
        assert stage.unanswered == 0
    assert taken == [1, 2]


def test_draining_an_idle_stage_returns_at_once() -> None:
    with staged(2) as stage:
        stage.open(lambda _user, _due_ns: None)
        assert stage.drain(60) == 0


def test_a_new_slice_forgets_the_old_one_in_place() -> None:
    with staged(1) as stage:
        stage.open(lambda _user, _due_ns: gevent.sleep(0.001))
        stamps = stage.stamps
        stamps.append(Stamp("GET /me", 200, 1, 2, 3, 4, 5))
        in_hub(stage, 1, 2)
        stage.drain(5)
        assert stage.pool_exhausted == 1
        stage.open(lambda _user, _due_ns: None)
        assert stage.pool_exhausted == 0
        assert stage.stamps is stamps
        assert stamps == []


def test_a_user_killed_at_work_does_not_hold_up_the_drain() -> None:
    stage = Stage()
    stage.open(lambda _user, _due_ns: gevent.sleep(60))
    user = gevent.spawn(stage.attend, 0)
    while not stage.waiting:
        gevent.sleep(0)
    in_hub(stage, 1)
    user.kill()
    assert stage.drain(60) == 0
    assert stage.waiting == 0

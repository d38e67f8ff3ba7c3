from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from loadtests.dispatcher import Alarm, Dispatcher, LoopAlarm, TimerfdAlarm, new_alarm, wait_until

MS = 1_000_000
ALARMS: list[Any] = [LoopAlarm]
if sys.platform == "linux":
    ALARMS.append(TimerfdAlarm)


@pytest.fixture(params=ALARMS)
def alarm(request: pytest.FixtureRequest) -> Iterator[Alarm]:
    made: Alarm = request.param()
    yield made
    made.close()


def in_greenlet(work: Callable[[], object]) -> None:
    gevent.spawn(work).get(timeout=10)


def spin_until(until_ns: int) -> None:
    """Keeps the whole loop busy."""
    while time.monotonic_ns() < until_ns:
        pass


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Hands:
    """Takes due times and notes when; `full` is set once as many came as are expected."""

    def __init__(self, expected: int) -> None:
        self.taken: list[tuple[int, int]] = []
        self.full = Event()
        self._expected = expected

    def take(self, due_ns: int) -> None:
        self.taken.append((due_ns, time.monotonic_ns()))
        if len(self.taken) == self._expected:
            self.full.set()

    @property
    def dues_ns(self) -> list[int]:
        return [due_ns for due_ns, _at_ns in self.taken]


def test_every_due_time_is_handed_out_once_in_order_and_never_early(alarm: Alarm) -> None:
    start_ns = time.monotonic_ns() + 5 * MS
    dues_ns = [start_ns + number * MS // 5 for number in range(200)]
    hands = Hands(len(dues_ns))
    Dispatcher(alarm, hands.take).start(dues_ns)
    assert hands.full.wait(10)
    assert hands.dues_ns == dues_ns
    assert all(at_ns >= due_ns for due_ns, at_ns in hands.taken)


def test_what_is_overdue_is_handed_out_at_once_and_not_dropped(alarm: Alarm) -> None:
    now_ns = time.monotonic_ns()
    dues_ns = [now_ns - 3 * MS, now_ns - 2 * MS, now_ns - 2 * MS, now_ns + MS]
    hands = Hands(len(dues_ns))
    Dispatcher(alarm, hands.take).start(dues_ns)
    assert hands.full.wait(10)
    assert hands.dues_ns == dues_ns


def test_a_hand_that_takes_long_delays_but_loses_nothing(alarm: Alarm) -> None:
    start_ns = time.monotonic_ns()
    dues_ns = [start_ns + number * MS for number in range(20)]
    hands = Hands(len(dues_ns))

    def slow(due_ns: int) -> None:
        spin_until(time.monotonic_ns() + 3 * MS)
        hands.take(due_ns)

    Dispatcher(alarm, slow).start(dues_ns)
    assert hands.full.wait(10)
    assert hands.dues_ns == dues_ns


def test_what_fell_due_last_is_known_backwards(alarm: Alarm) -> None:
    hands = Hands(3)
    dispatcher = Dispatcher(alarm, hands.take)
    now_ns = time.monotonic_ns()
    dues_ns = [now_ns - 3 * MS, now_ns - 2 * MS, now_ns - 1 * MS, now_ns + 60_000 * MS]
    dispatcher.start(dues_ns)
    assert hands.full.wait(10)
    assert [dispatcher.due_ns(back) for back in (1, 2, 3, 99)] == [*dues_ns[2::-1], dues_ns[0]]


def test_after_a_stop_nothing_more_comes(alarm: Alarm) -> None:
    hands = Hands(3)
    dispatcher = Dispatcher(alarm, hands.take)
    start_ns = time.monotonic_ns()
    dispatcher.start([start_ns + number * 10 * MS for number in range(8)])
    assert hands.full.wait(10)
    dispatcher.stop(time.monotonic_ns())
    taken = hands.dues_ns
    gevent.sleep(0.05)
    assert hands.dues_ns == taken


def test_a_stop_still_hands_out_what_had_come(alarm: Alarm) -> None:
    hands = Hands(3)
    dispatcher = Dispatcher(alarm, hands.take)
    now_ns = time.monotonic_ns()
    dues_ns = [now_ns + 1 * MS, now_ns + 2 * MS, now_ns + 500 * MS]
    dispatcher.start(dues_ns)
    spin_until(now_ns + 5 * MS)
    assert hands.dues_ns == []
    dispatcher.stop(time.monotonic_ns())
    assert dispatcher.all_out.wait(5)
    assert hands.dues_ns == dues_ns[:2]


def test_a_new_start_replaces_the_old(alarm: Alarm) -> None:
    hands = Hands(2)
    dispatcher = Dispatcher(alarm, hands.take)
    now_ns = time.monotonic_ns()
    dispatcher.start([now_ns + 500 * MS])
    second = [now_ns + 2 * MS, now_ns + 4 * MS]
    dispatcher.start(second)
    assert hands.full.wait(10)
    assert hands.dues_ns == second


def test_all_out_means_that_the_last_due_time_was_handed_out(alarm: Alarm) -> None:
    """Also when the loop is kept busy beyond the last due time and a later alarm rings with it."""
    end_ns = time.monotonic_ns() + 8 * MS
    hands = Hands(2)
    dispatcher = Dispatcher(alarm, hands.take)
    assert dispatcher.all_out.is_set()
    dispatcher.start([end_ns - 6 * MS, end_ns - MS // 50])
    assert not dispatcher.all_out.is_set()
    gevent.spawn_later(0.004, spin_until, end_ns + MS)
    later = new_alarm()
    wait_until(later, end_ns)
    assert dispatcher.all_out.wait(5)
    later.close()
    assert len(hands.taken) == 2


def test_a_stop_leaves_nothing_to_wait_for(alarm: Alarm) -> None:
    dispatcher = Dispatcher(alarm, lambda _due_ns: None)
    dispatcher.start([time.monotonic_ns() + 60_000 * MS])
    dispatcher.stop(time.monotonic_ns())
    assert dispatcher.all_out.wait(1)
    dispatcher.start([])
    assert dispatcher.all_out.wait(1)


def test_nothing_due_is_nothing_done(alarm: Alarm) -> None:
    hands = Hands(1)
    Dispatcher(alarm, hands.take).start([])
    assert not hands.full.wait(0.01)


def test_waiting_ends_at_the_time_and_not_before(alarm: Alarm) -> None:
    until_ns = time.monotonic_ns() + 7 * MS
    in_greenlet(lambda: wait_until(alarm, until_ns))
    assert time.monotonic_ns() >= until_ns


def test_waiting_for_the_past_returns_at_once(alarm: Alarm) -> None:
    switched = gevent.spawn(lambda: None)
    wait_until(alarm, time.monotonic_ns() - 1)
    assert not switched.ready()
    switched.join()


def test_others_run_while_one_waits(alarm: Alarm) -> None:
    ended: list[str] = []
    waiting = gevent.spawn(wait_until, alarm, time.monotonic_ns() + 500 * MS)
    waiting.link(lambda _: ended.append("waiting"))
    in_greenlet(lambda: gevent.sleep(0.001))
    ended.append("other")
    waiting.get(timeout=10)
    gevent.sleep(0)
    assert ended == ["other", "waiting"]


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_linux_has_the_exact_alarm_and_closing_it_gives_its_descriptor_back() -> None:
    before = open_descriptors()
    alarm = new_alarm()
    assert isinstance(alarm, TimerfdAlarm)
    assert open_descriptors() == before + 1
    alarm.close()
    alarm.close()
    assert open_descriptors() == before

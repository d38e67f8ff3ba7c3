from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from loadtests.cpu_clock import MachineCpu, process_cpu_ns
from loadtests.meters import Meters, Reading, is_local
from loadtests.model import CpuSeconds
from tests.loadtests.walking import a_block, an_order
from tests.processes import wait_for

S = 1_000_000_000
# Spends a quarter of a second of CPU, then waits to be let go.
BURN = """
import sys, time
while time.process_time() < 0.25:
    pass
sys.stdin.read()
"""
CLOCKS = ("generator_ns", "ours_ns")
BEFORE: dict[str, Any] = {
    "at_ns": 10 * S,
    "server_ns": 4 * S,
    "store_ns": 2 * S,
    "generator_ns": 1 * S,
    "ours_ns": 7 * S,
    "machine": MachineCpu(busy_s=50.0, idle_s=100.0, steal_s=3.0, cpus=2),
}
AFTER: dict[str, Any] = {
    "at_ns": 11 * S,
    "server_ns": int(4.8 * S),
    "store_ns": int(2.1 * S),
    "generator_ns": int(1.5 * S),
    "ours_ns": int(8.4 * S),
    "machine": MachineCpu(busy_s=51.75, idle_s=100.0, steal_s=3.25, cpus=2),
}


def test_what_was_spent_between_two_readings() -> None:
    spent = Reading(**AFTER).since(Reading(**BEFORE))
    assert spent.cpu_s.server == pytest.approx(0.8)
    assert spent.cpu_s.store == pytest.approx(0.1)
    assert spent.cpu_s.generator == pytest.approx(0.5)
    assert spent.steal_s == pytest.approx(0.25)
    # Two CPUs never idle for a second less 0.25 s stolen: 1.75 s, 1.4 s of them ours.
    assert spent.foreign_cpu_s == pytest.approx(0.35)


def test_the_kernels_coarse_steps_never_make_foreign_cpu_negative() -> None:
    after = {**AFTER, "machine": MachineCpu(busy_s=51.39, idle_s=100.0, steal_s=3.0, cpus=2)}
    assert Reading(**after).since(Reading(**BEFORE)).foreign_cpu_s == 0


@pytest.mark.parametrize(
    ("unread", "nothing"),
    [("server_ns", "server"), ("store_ns", "store")],
)
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_clock_that_cannot_be_read_is_none(unread: str, nothing: str, at: str) -> None:
    before, after = dict(BEFORE), dict(AFTER)
    (before if at == "before" else after)[unread] = None
    spent = Reading(**after).since(Reading(**before))
    assert getattr(spent.cpu_s, nothing) is None
    assert spent.cpu_s != CpuSeconds(None, None, None)


def test_workers_are_told_one_by_one() -> None:
    before = Reading(**BEFORE, workers_ns=(1 * S, 2 * S, 3 * S))
    after = Reading(**AFTER, workers_ns=(int(1.2 * S), int(2.3 * S), None))
    *read, unread = after.since(before).workers_s
    assert read == pytest.approx([0.2, 0.3])
    assert unread is None


def test_workers_count_as_ours_and_as_the_generator() -> None:
    order = an_order(a_block(), 1, [])
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE) as worker:
        alone, together = (Meters(order.targets[0], order, pids) for pids in ((), (worker.pid,)))
        wait_for(lambda: process_cpu_ns(worker.pid) > S // 5, 30, "some CPU spent")
        without, including = alone.read(), together.read()
        assert worker.stdin is not None
        worker.stdin.close()
    (spent_ns,) = including.workers_ns
    assert spent_ns is not None
    assert without.workers_ns == ()
    for clock in CLOCKS:
        more_ns = getattr(including, clock) - getattr(without, clock)
        assert more_ns > S // 5


def test_what_keeps_cpus_awake_counts_as_ours_and_not_as_the_generator() -> None:
    order = an_order(a_block(), 1, [])
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE) as other:
        with_it = replace(order, own_pids=(*order.own_pids, other.pid))
        alone, together = (Meters(order.targets[0], each) for each in (order, with_it))
        wait_for(lambda: process_cpu_ns(other.pid) > S // 5, 30, "some CPU spent")
        without, including = alone.read(), together.read()
        assert other.stdin is not None
        other.stdin.close()
    more_ns = {name: getattr(including, name) - getattr(without, name) for name in CLOCKS}
    assert more_ns["ours_ns"] > S // 5
    assert more_ns["generator_ns"] < S // 10


@pytest.mark.parametrize("unread", ["ours_ns", "machine"])
def test_foreign_cpu_needs_both_ours_and_the_machines(unread: str) -> None:
    assert Reading(**{**AFTER, unread: None}).since(Reading(**BEFORE)).foreign_cpu_s is None


def test_steal_needs_the_machine_alone() -> None:
    before, after = Reading(**BEFORE), Reading(**{**AFTER, "ours_ns": None})
    assert after.since(before).steal_s == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("redis://127.0.0.1:6379/0", True),
        ("redis://:secret@localhost:6379", True),
        ("redis://[::1]:6379", True),
        ("unix:///run/redis.sock", True),
        ("redis://10.0.0.5:6379", False),
        ("rediss://store.example.org", False),
        (None, False),
    ],
)
def test_a_store_on_this_machine_is_known_by_its_url(url: str | None, *, local: bool) -> None:
    assert is_local(url) is local

from __future__ import annotations

from typing import Any

import pytest

from loadtests.cpu_clock import MachineCpu
from loadtests.meters import Reading, is_local
from loadtests.model import CpuSeconds

S = 1_000_000_000
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

"""Blocks walked in this process, with real users, at a real server with a real store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from loadtests import walk
from loadtests.checks.phases import phase_findings
from loadtests.messages import Credential, Message
from loadtests.model import Load, Phase, SliceRecord
from loadtests.probing import await_end
from loadtests.trials import run_trials
from tests.builders import a_phase
from tests.loadtests.scripted_server import hang, scripted
from tests.loadtests.walking import (
    CAPACITY,
    TRIALS,
    TWO_ARMS,
    a_block,
    always_disturbed,
    an_order,
    at,
    collection,
    recorded,
    server,
    walked,
)
from tests.servers.processes import Replica

__all__ = ["collection", "server"]


def test_every_planned_slice_is_announced_walked_and_told(server: Replica) -> None:
    order = at(server, a_block())
    messages = walked(order).messages
    *slices, last = messages
    assert last == Message(done=True)
    announced, told = slices[::2], slices[1::2]
    assert [message.starting for message in announced] == list(order.slices)
    places = [(m.slice.phase, m.slice.round, m.slice.arm) for m in told if m.slice is not None]
    assert places == [(p.phase, p.round, p.arm) for p in order.slices]


def test_slices_hold_what_their_users_did(server: Replica) -> None:
    open_loop = a_phase(
        "latency-200", load=Load("constant", rate_rps=200), rounds=1, slice_s=0.1, guard_s=0.05
    )
    done = walked(at(server, a_block(phases=(CAPACITY, open_loop))))
    for record in done.slices:
        assert {outcome for e in record.endpoints.values() for outcome in e.outcomes} == {"200"}
        assert set(record.endpoints) <= {"GET /me", "PUT /state"}
        assert record.completed >= recorded(record) > 0
        assert record.unsent == record.attempt == 0
        assert record.drained_after_s >= record.duration_s
    for record in done.of("latency-200"):
        # The guard's requests are none of the slice's.
        assert record.offered == recorded(record) == 20
    assert {record.offered for record in done.of("capacity")} == {0}


def test_what_leaves_after_its_slice_is_not_the_load_that_was_asked_for(
    server: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stalled(
        look: Any, phase: Phase, load: Load, end_ns: int, wait: Callable[[int], None]
    ) -> int:
        """Nothing in this process runs from the middle of the slice until after its end."""
        wait(end_ns - 150_000_000)
        time.sleep(0.3)
        return await_end(look, phase, load, end_ns, wait)

    monkeypatch.setattr(walk, "await_end", stalled)
    steady = a_phase(
        "latency-1000", load=Load("constant", rate_rps=1000), rounds=1, slice_s=0.3, guard_s=0.1
    )
    order = at(server, a_block(arms=TWO_ARMS[:1], phases=(steady,)))
    (record,) = walked(order).slices
    assert record.offered == recorded(record) == 300
    assert record.sent is not None
    assert record.sent < 200
    found = phase_findings(steady, record.arm, [record], order.placement)
    assert "offered_rate_missed" in {each.name for each in found}


def test_a_disturbed_round_is_repeated_as_often_as_the_block_may(
    server: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[list[tuple[int, int]]] = []
    verdicts = iter([True, False, False, True])

    def is_disturbed(slices: Sequence[SliceRecord], _cpus: int) -> bool:
        judged.append([(record.round, record.attempt) for record in slices])
        assert {record.arm for record in slices} == {arm.name for arm in TWO_ARMS}
        return next(verdicts)

    monkeypatch.setattr(walk, "is_disturbed", is_disturbed)
    three_rounds = a_phase("capacity", load=CAPACITY.load, rounds=3, slice_s=0.02, guard_s=0.0)
    order = at(server, a_block(phases=(three_rounds,), max_repeats=2))
    slices = walked(order).slices
    attempts = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]
    assert [(r.round, r.attempt) for r in slices[::2]] == attempts
    assert [(r.round, r.attempt) for r in slices[1::2]] == attempts
    # Without a repeat left nobody asks.
    assert judged == [[attempt] * 2 for attempt in attempts[:4]]
    assert [r.arm for r in slices[:2]] == [r.arm for r in slices[2:4]]


def test_repeats_are_bounded_by_the_block_and_not_by_the_round(
    server: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "is_disturbed", always_disturbed)
    slices = walked(at(server, a_block(arms=TWO_ARMS[:1], max_repeats=3))).slices
    assert [(r.round, r.attempt) for r in slices] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]


def test_rounds_of_trials_are_not_repeated(
    server: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "is_disturbed", always_disturbed)
    experiment = a_block(arms=TWO_ARMS[:1], phases=(TRIALS,), max_repeats=3)
    done = walked(at(server, experiment))
    (record,) = done.slices
    assert record.attempt == 0
    (line,) = [m.revocation for m in done.messages if m.revocation is not None]
    assert line.revoke == "ok"


def test_trials_begin_when_their_background_has_run_for_the_guard(
    server: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_ns: list[int] = []

    def noting(*told: Any) -> object:
        begun_ns.append(time.monotonic_ns())
        return run_trials(*told)

    monkeypatch.setattr(walk, "run_trials", noting)
    guarded = replace(TRIALS, guard_s=0.5)
    order = at(server, a_block(arms=TWO_ARMS[:1], phases=(guarded,)))
    called_ns = time.monotonic_ns()
    (record,) = walked(order).slices
    (began_ns,) = begun_ns
    assert began_ns - called_ns >= 0.5e9
    # Nothing was recorded of the guard.
    assert record.started_s <= (began_ns - order.run_started_ns) / 1e9 < record.started_s + 0.5


def test_the_background_of_trials_is_a_share_of_their_arms_own_capacity(server: Replica) -> None:
    done = walked(at(server, a_block(phases=(CAPACITY, TRIALS))))
    assert len(done.of("revocation")) == len(TWO_ARMS)
    for record in done.of("revocation"):
        capacity_rps = fmean(
            recorded(each) / each.duration_s
            for each in done.of("capacity")
            if each.arm == record.arm
        )
        assert record.load.model == "poisson"
        # One trial probes 500 times a second, four fifths of the time.
        background_rps = max(0.25 * capacity_rps - 400, 0.025 * capacity_rps)
        assert record.load.rate_rps == pytest.approx(background_rps)
        assert record.offered == recorded(record) + record.unsent
        (line,) = done.trials(record.arm)
        probed_rps = line.load_fraction * capacity_rps - record.offered / record.duration_s
        # It was probed for nearly all of the slice, and before that it was minted.
        assert line.probes / record.duration_s < probed_rps < 1.5 * 500
        assert line.load_asked == 0.25


def test_trials_without_background_say_what_their_probes_were(server: Replica) -> None:
    assert TRIALS.trials is not None
    alone = replace(TRIALS, trials=replace(TRIALS.trials, background_fraction=0.0))
    done = walked(at(server, a_block(arms=TWO_ARMS[:1], phases=(CAPACITY, alone))))
    (record,), (line,) = done.of("revocation"), done.trials(TWO_ARMS[0].name)
    assert (record.load.rate_rps, record.offered, line.load_asked) == (0.0, 0, 0.0)
    assert line.load_fraction > 0


def test_trials_of_an_arm_without_capacity_have_no_background(server: Replica) -> None:
    done = walked(at(server, a_block(arms=TWO_ARMS[:1], phases=(TRIALS,))))
    (record,), (line,) = done.slices, done.trials(TWO_ARMS[0].name)
    assert (record.load.rate_rps, record.offered, record.endpoints) == (0.0, 0, {})
    assert (line.load_fraction, line.load_asked) == (0.0, 0.25)


def test_what_was_never_sent_was_offered_all_the_same() -> None:
    stuck = a_phase(
        "latency-100", load=Load("constant", rate_rps=100), rounds=1, slice_s=0.1, guard_s=0.0
    )
    experiment = a_block(
        arms=TWO_ARMS[:1], phases=(stuck,), pool_users=1, request_timeout_s=0.05, warm_up_s=0.0
    )
    with scripted([hang]) as server:
        order = an_order(experiment, server.port, [Credential("user-0", "credential", "")])
        (record,) = walked(order).slices
    assert record.unsent > 0
    assert record.offered == recorded(record) + record.unsent == 10
    assert record.pool_exhausted > 0

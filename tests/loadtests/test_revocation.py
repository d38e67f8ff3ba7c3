from __future__ import annotations

import random
import socket
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.recorder import Stamp
from loadtests.scenarios.revocation import (
    REVOKE_AFTER_S,
    Revoke,
    Sightings,
    TrialPlan,
    iterate,
    lag_interval_s,
    plan_trial,
    records,
)
from loadtests.visitor import Visitor, describe
from tests.servers.processes import running

S = 1_000_000_000
TARGET = ArmTarget(
    "jwt_hs256",
    "bearer",
    "session",
    tuple(ReplicaAddress("127.0.0.1", port) for port in (8001, 8002, 8003)),
)


def seen(*probes: tuple[float, int | None]) -> Sightings:
    """(sent at second, status) of each probe."""
    sightings = Sightings()
    for sent_s, status in probes:
        sightings.note(status, int(sent_s * S))
    return sightings


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ([(9, 200), (11, 401)], (9, 11, 0.0, 1.0)),
        ([(9, 200), (9.5, 401)], (9, 9.5, 0.0, 0.0)),
        ([(9, 200), (12, 200), (13, 401)], (12, 13, 2.0, 3.0)),
        ([(9, 200), (11, 401), (12, 200), (14, 401)], (12, 14, 2.0, 4.0)),
        ([(9, 200), (11, 401), (12, 200)], (12, None, 2.0, None)),
        ([(10, 200), (10.5, 401)], (10, 10.5, 0.0, 0.5)),
        ([(12, 200)], (12, None, 2.0, None)),
        ([(11, 401), (12, 401)], (None, 11, 0.0, 1.0)),
        ([(9, 200), (11, None), (12, 503), (13, 401)], (9, 13, 0.0, 3.0)),
        ([(11, 503)], (None, None, 0.0, None)),
        ([], (None, None, 0.0, None)),
    ],
)
def test_lag_is_an_interval_from_the_acknowledgement_at_second_ten(
    probes: list[tuple[float, int | None]],
    expected: tuple[float | None, float | None, float, float | None],
) -> None:
    last_ns, first_ns, low_s, high_s = lag_interval_s(seen(*probes), 10 * S)
    assert (in_s(last_ns), in_s(first_ns), low_s, high_s) == expected


@given(
    st.lists(st.tuples(st.floats(0, 20), st.sampled_from([200, 401, 503, None]))),
    st.floats(0, 20),
)
def test_the_interval_is_never_upside_down(
    probes: list[tuple[float, int | None]], acked_s: float
) -> None:
    _last_ns, _first_ns, low_s, high_s = lag_interval_s(
        seen(*sorted(probes, key=at)), int(acked_s * S)
    )
    assert low_s >= 0
    assert high_s is None or high_s >= low_s


def test_sightings_count_refusals_in_a_row() -> None:
    sightings = seen((1, 401), (2, 401), (3, 200), (4, 401), (5, 503), (6, None), (7, 401))
    assert sightings.refusals_in_a_row == 2
    assert sightings.probes == 7
    assert sightings.accepted_ns == [3 * S]
    assert sightings.refused_ns == [1 * S, 2 * S, 4 * S, 7 * S]


def test_one_record_a_replica() -> None:
    never, at_once, wavering = records(
        a_plan(how="kick"),
        Revoke("ok", sent_ns=109 * S, acked_ns=110 * S, effective_within_s=0.5),
        [
            seen((108, 200), (111, 200), (112, 200)),
            seen((108, 200), (111, 401)),
            seen((108, 200), (111, 401), (112, 200), (113, 401)),
        ],
        block=2,
        phase="revocation",
        run_started_ns=100 * S,
        load_fraction=0.3,
    )
    assert [line.replica for line in (never, at_once, wavering)] == [0, 1, 2]
    assert (never.lag_low_s, never.lag_high_s) == (2.0, None)
    assert (never.last_accepted_sent_s, never.first_rejected_sent_s) == (12.0, None)
    assert (never.accepted_after_ack, never.reaccepted, never.probes) == (2, 0, 3)
    assert (at_once.lag_low_s, at_once.lag_high_s) == (0.0, 1.0)
    assert (at_once.last_accepted_sent_s, at_once.first_rejected_sent_s) == (8.0, 11.0)
    assert (at_once.accepted_after_ack, at_once.reaccepted) == (0, 0)
    assert (wavering.accepted_after_ack, wavering.reaccepted) == (1, 1)
    assert (wavering.lag_low_s, wavering.lag_high_s) == (2.0, 3.0)
    for line in (never, at_once, wavering):
        assert (line.block, line.trial, line.arm, line.how) == (2, 4, "jwt_hs256", "kick")
        assert (line.sent_s, line.acked_s, line.effective_within_s) == (9.0, 10.0, 0.5)
        assert (line.revoke, line.load_fraction, line.via_replica) == ("ok", 0.3, 1)


def test_kick_and_logout_alternate_and_every_replica_gets_its_turn() -> None:
    rolling = dice(1)
    plans = [drawn(trial, rolling) for trial in range(60)]
    assert [plan.how for plan in plans] == ["kick", "logout"] * 30
    assert {plan.via_replica for plan in plans} == {0, 1, 2}
    low_s, high_s = REVOKE_AFTER_S
    assert all(low_s <= plan.revoke_after_s <= high_s for plan in plans)


def test_the_dice_decide_a_trial() -> None:
    assert drawn(3, dice(1)) == drawn(3, dice(1))
    assert drawn(3, dice(1)) != drawn(3, dice(2))


def test_by_hand_a_victim_that_cannot_be_minted_is_recorded_as_a_failure() -> None:
    with running("none") as server:
        (stamp,) = stamps_of_a_failed_iteration(server.port)
    assert str(stamp.outcome).startswith("mint answered 4")


def test_by_hand_a_server_that_is_not_there_is_recorded_as_a_failure() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        (stamp,) = stamps_of_a_failed_iteration(bound.getsockname()[1])
    assert stamp.outcome == "refused"


def stamps_of_a_failed_iteration(port: int) -> list[Stamp]:
    """One iteration with a wrong admin secret."""
    stamps: list[Stamp] = []
    watchdog = Watchdog(5.0)
    visitor = Visitor(
        ArmTarget("none", "bearer", "session", (ReplicaAddress("127.0.0.1", port),)),
        (),
        number=0,
        seed=1,
        password="",
        population=10,
        watchdog=watchdog,
        record=stamps.append,
        admin_secret="wrong",
    )
    due_ns = time.monotonic_ns()
    with pytest.raises(ExchangeFailed):
        iterate(visitor, due_ns)
    watchdog.close()
    for stamp in stamps:
        shown = describe(stamp)
        assert (shown["request_type"], shown["name"]) == ("MINT", "victim")
        assert str(shown["exception"]) == stamp.outcome
        assert due_ns == stamp.due_ns <= stamp.sent_ns <= stamp.done_ns <= time.monotonic_ns()
    return stamps


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 — no secret


def drawn(trial: int, rolling: random.Random) -> TrialPlan:
    return plan_trial(
        TARGET, trial, dice=rolling, victim=7, probe_every_s=0.002, ttl_s=2, admin_secret="secret"
    )


def a_plan(how: str) -> TrialPlan:
    assert how == "kick"
    return TrialPlan(TARGET, 4, "kick", 1, 0.1, 0.002, 2, 7, "secret")


def at(probe: Sequence[float | None]) -> float:
    return probe[0] or 0.0


def in_s(at_ns: int | None) -> float | None:
    return None if at_ns is None else at_ns / S

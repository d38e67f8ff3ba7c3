from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.model import RevocationRecord
from loadtests.sightings import (
    Revoke,
    Sightings,
    gaps_s,
    lag_interval_s,
    records,
    revoke_outcome,
)
from loadtests.trial_plans import TrialPlan

S = 1_000_000_000
TARGET = ArmTarget("jwt_hs256", "bearer", "session", (ReplicaAddress("127.0.0.1", 8001),))
PLAN = TrialPlan(
    TARGET, 4, "kick", 1, 0.1, probe_every_s=0.5, ttl_s=2, victim=7, admin_secret="secret"
)
ACKED = Revoke("ok", sent_ns=109 * S, acked_ns=110 * S, effective_within_s=0.5)
ACCEPTS = {200: True, 401: False}
ANSWERED_AFTER_S = 0.25


def seen(*probes: tuple[float, int | None]) -> Sightings:
    """(sent at second, status) of each probe, answered a quarter of a second later."""
    sightings = Sightings()
    for sent_s, status in probes:
        verdict = ACCEPTS.get(status or 0)
        sightings.note(verdict, int(sent_s * S), int((sent_s + ANSWERED_AFTER_S) * S))
    return sightings


def lines_of(*sightings: Sightings, revoke: Revoke = ACKED) -> list[RevocationRecord]:
    return records(
        PLAN, revoke, sightings, block=2, phase="revocation", run_started_ns=100 * S, ttl_s=2.0
    )


def line_of(*probes: tuple[float, int | None]) -> RevocationRecord:
    (line,) = lines_of(seen(*probes))
    return line


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
    assert sightings.accepted_ns == [3 * S]
    assert sightings.refused_ns == [1 * S, 2 * S, 4 * S, 7 * S]
    assert sightings.sent_ns == [n * S for n in range(1, 8)]


@pytest.mark.parametrize(
    ("probes", "again"),
    [
        ([(1, 200), (2, 401), (3, 401)], 0),
        # Heard at 2.25: what was sent before may have overtaken, or been overtaken.
        ([(2, 401), (2.1, 200), (2.25, 200)], 0),
        ([(2, 401), (2.3, 200)], 1),
        ([(2, 401), (3, 200), (4, 401), (5, 200)], 2),
        ([(1, 200), (2, 200)], 0),
    ],
)
def test_only_what_was_sent_after_a_refusal_was_heard_was_let_in_again(
    probes: list[tuple[float, int | None]], again: int
) -> None:
    assert seen(*probes).reaccepted == again
    assert line_of(*probes).reaccepted == again


def test_one_record_a_replica() -> None:
    never, at_once, wavering = lines_of(
        seen((108, 200), (111, 200), (112, 200)),
        seen((108, 200), (111, 401)),
        seen((108, 200), (111, 401), (112, 200), (113, 401)),
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
        assert (line.revoke, line.via_replica, line.ttl_s) == ("ok", 1, 2.0)


@pytest.mark.parametrize(
    ("probes", "at_risk"),
    [
        ([(109, 200), (111, 200), (112, 200), (113, 401), (114, 401)], 2),
        # Whatever came of them: a request that was not answered might have been let in.
        ([(111, 503), (112, None), (113, 401)], 2),
        ([(111, 401), (112, 401)], 0),
        ([(111, 401), (112, 200), (113, 401)], 2),
        ([(111, 200), (112, 200)], 2),
        ([(109, 200)], 0),
    ],
)
def test_at_risk_is_what_was_sent_before_the_first_lasting_refusal(
    probes: list[tuple[float, int | None]], at_risk: int
) -> None:
    assert line_of(*probes).requests_at_risk == at_risk


@pytest.mark.parametrize(
    ("sent", "watched_s"), [((109.0, 109.5), 0.0), ((109.0, 112.5), 2.5), ((), 0.0)]
)
def test_a_replica_was_watched_until_its_last_probe(
    sent: tuple[float, ...], watched_s: float
) -> None:
    assert line_of(*((each, 401) for each in sent)).watched_s == watched_s


def test_the_spacing_is_that_of_the_schedule() -> None:
    kept = seen(*((100 + 0.5 * number, 200) for number in range(100)), (200.0, 401))
    kept.scheduled = 100
    late = dataclasses.replace(kept, scheduled=None)
    assert gaps_s(kept) == pytest.approx([0.5] * 99)
    line, other = lines_of(kept, late)
    assert (line.probe_every_s, line.spacing_p99_s, line.wide_gaps) == (0.5, 0.5, 0)
    # Of a hundred gaps the p99 leaves one out; it counts as wide all the same.
    assert (other.spacing_p99_s, other.wide_gaps) == (0.5, 1)


def test_a_gap_is_wide_beyond_twice_the_spacing() -> None:
    line = line_of((100, 200), (101, 200), (102.01, 200), (104, 200))
    assert line.wide_gaps == 2
    assert line.spacing_p99_s == pytest.approx(1.99)
    assert line_of((100, 200)).spacing_p99_s is None


def test_probes_of_several_connections_are_one_schedule() -> None:
    assert gaps_s(seen((3, 200), (1, 200), (2, 200))) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (202, "ok"), (401, "refused"), (409, "refused"), (503, "indeterminate"),
     (None, "indeterminate")],
)  # fmt: skip
def test_how_a_revoke_ended(status: int | None, outcome: str) -> None:
    assert revoke_outcome(status) == outcome


def at(probe: Sequence[float | None]) -> float:
    return probe[0] or 0.0


def in_s(at_ns: int | None) -> float | None:
    return None if at_ns is None else at_ns / S

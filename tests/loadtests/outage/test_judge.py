from __future__ import annotations

from collections import Counter

import pytest

from loadtests.model import LawRecord, OutageRecord
from loadtests.outage.judge import bins_of, outage_record, recovered_at_ns
from loadtests.outage.sightings import Asked, Sighted
from tests.loadtests.outage.cases import (
    BLIND,
    MEND_S,
    PLAIN,
    SESSIONS,
    S,
    a_case,
    a_victim,
    asked,
    steady,
)

REFUSED = steady((0, 1, "200"), (1.05, 3.2, "503"), (3.2, 6, "200"))


def judged(
    seen: list[Asked], fault: str = "frozen", law: LawRecord = SESSIONS, unanswered: int = 0
) -> OutageRecord:
    sighted = Sighted("session_redis", tuple(seen), unanswered, ())
    return outage_record(a_case(fault, law), sighted)


def test_a_trial_becomes_a_line() -> None:
    victims = (a_victim(0.8, asked(1.5, "503"), asked(4.0, "401")),)
    line = outage_record(a_case(), Sighted("session_redis", tuple(REFUSED), 0, victims))
    assert (line.block, line.phase, line.fault, line.trial) == (1, "dark", "frozen", 1)
    assert (line.arm, line.replicas, line.started_s) == ("session_redis", 2, 12.0)
    assert (line.fault_s, line.mended_s, line.ended_s) == (1.0, MEND_S, 6.0)
    assert line.first_error_s == 1.05
    assert line.worst_response_s == pytest.approx(0.001)
    assert line.recovered_s == pytest.approx(3.2)
    assert (line.revokes_ok, line.probes, line.accepted_after_ack) == (1, 2, 0)
    assert (line.policy, line.policy_held, line.policy_why) == ("at_once", True, None)
    assert len(line.bins) == 60
    assert line.bins[9] == {"200": 2}
    assert line.bins[31] == {"503": 2}


def test_a_request_belongs_to_the_bin_it_fell_due_in() -> None:
    bins = bins_of([asked(0.0), asked(0.0999), asked(0.1, "503", took_s=9), asked(0.3)], 0.3)
    assert bins == [Counter({"200": 2}), Counter({"503": 1}), Counter({"200": 1})]


def seconds(*outcomes: str) -> list[Counter[str]]:
    """Ten bins a second, a hundred requests a bin."""
    return [Counter({outcome: 100}) for outcome in outcomes for _ in range(10)]


def test_nothing_failed_is_recovered_when_it_began() -> None:
    bins = seconds("503", "200", "200", "200")
    assert recovered_at_ns(bins, began_ns=int(1.01 * S), mended_ns=2 * S) == int(1.01 * S)


def test_recovered_is_the_first_second_after_the_mend_that_succeeds() -> None:
    bins = seconds("200", "503", "200", "200")
    bins[22] = Counter({"503": 2, "200": 98})
    assert recovered_at_ns(bins, S, int(1.95 * S)) == int(2.3 * S)
    bins[22] = Counter({"503": 1, "200": 99})
    assert recovered_at_ns(bins, S, int(1.95 * S)) == 2 * S


@pytest.mark.parametrize("outcomes", [("200", "503", "503"), ("200", "503", "200")])
def test_without_a_whole_second_it_never_recovered(outcomes: tuple[str, ...]) -> None:
    assert recovered_at_ns(seconds(*outcomes), S, int(2.05 * S)) is None


def test_a_second_without_requests_proves_nothing() -> None:
    bins = [*seconds("200", "503"), *[Counter[str]() for _ in range(10)]]
    assert recovered_at_ns(bins, S, 2 * S) is None


@pytest.mark.parametrize(("took_s", "hung"), [(0.79, 0), (0.81, 1)])
def test_eight_time_outs_of_the_store_are_too_long(took_s: float, hung: int) -> None:
    line = judged([*REFUSED, asked(2.0, "503", took_s=took_s)])
    assert line.hung == hung


@pytest.mark.parametrize(("took_s", "hung"), [(0.79, 0), (0.81, 3)])
def test_logins_probes_and_revokes_hang_too(took_s: float, hung: int) -> None:
    slow = asked(2.0, "503", took_s=took_s)
    victim = a_victim(2.0, slow, sent_ns=round((2.0 - took_s) * S))
    sighted = Sighted("session_redis", tuple(REFUSED), 0, (victim,), logins=(slow,))
    assert outage_record(a_case(), sighted).hung == hung


def test_what_had_no_outcome_at_the_end_hung() -> None:
    assert judged(REFUSED, unanswered=3).hung == 3


@pytest.mark.parametrize(
    ("fault", "law", "refusal", "false_rejects", "logged_out"),
    [
        ("killed_empty", SESSIONS, asked(3.1, "401"), 0, 1),
        # It was announced for logins of before, and for after the loss.
        ("killed_empty", SESSIONS, asked(3.5, "401", logins=1), 1, 0),
        ("killed_empty", SESSIONS, asked(0.5, "401"), 1, 0),
        ("killed_empty", BLIND, asked(3.1, "401"), 1, 0),
        ("killed_empty", PLAIN, asked(3.1, "401"), 1, 0),
        ("killed_aof_always", SESSIONS, asked(3.1, "401"), 1, 0),
        ("frozen", SESSIONS, asked(3.1, "401"), 1, 0),
        ("replica_killed_after_loss", SESSIONS, asked(3.1, "401"), 0, 1),
    ],
)
def test_a_refusal_is_announced_or_false(
    fault: str, law: LawRecord, refusal: Asked, false_rejects: int, logged_out: int
) -> None:
    line = judged([*REFUSED, refusal], fault, law)
    assert (line.false_rejects, line.logged_out) == (
        false_rejects,
        logged_out,
    )

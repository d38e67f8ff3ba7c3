from __future__ import annotations

import pytest

from loadtests.model import LawRecord
from loadtests.outage.course import Case
from loadtests.outage.policy import policy_breaches
from loadtests.outage.sightings import Asked
from tests.loadtests.outage.cases import (
    BLIND,
    CACHED,
    PLAIN,
    SESSIONS,
    S,
    a_case,
    a_victim,
    asked,
    steady,
)

RECOVERED_NS = int(3.1 * S)
REFUSED = steady((0, 1, "200"), (1.06, 3, "503"), (3.1, 6, "200"))
SERVED = steady((0, 6, "200"))


def breaches(case: Case, seen: list[Asked], recovered_ns: int | None = RECOVERED_NS) -> list[str]:
    return policy_breaches(case, seen, [], recovered_ns)


@pytest.mark.parametrize(
    ("law", "seen"),
    [
        (SESSIONS, REFUSED),
        # Those under way when it struck, and those that waited for its return.
        (SESSIONS, [*REFUSED, asked(1.05), asked(2.9)]),
        (CACHED, REFUSED),
        (CACHED, steady((0, 1.5, "200"), (1.55, 3, "503"), (3.1, 6, "200"))),
        (BLIND, SERVED),
        (PLAIN, SERVED),
    ],
)
def test_what_a_law_says_holds(law: LawRecord, seen: list[Asked]) -> None:
    assert breaches(a_case("frozen", law), seen) == []


@pytest.mark.parametrize(
    ("law", "seen", "why"),
    [
        (SESSIONS, [*REFUSED, asked(1.2)], "1 requests served with nobody to ask, the last after"),
        (CACHED, [*REFUSED, asked(1.7), asked(1.8)], "2 requests served with nobody to ask"),
        (BLIND, [*SERVED, asked(2.0, "503")], "not served all the while: 503 × 1"),
        (PLAIN, [*SERVED, asked(4.0, "503")], "not served all the while: 503 × 1"),
        (SESSIONS, [*REFUSED, asked(0.5, "503")], "failed before the fault: 503 × 1"),
        (SESSIONS, [*REFUSED, asked(2, "500"), asked(2, "reset")], "no law knows: 500 × 1, reset"),
    ],
)
def test_what_a_law_does_not_say(law: LawRecord, seen: list[Asked], why: str) -> None:
    (said,) = breaches(a_case("frozen", law), seen)
    assert why in said


def test_connections_that_come_back_at_once_refuse_nothing_for_certain() -> None:
    mixed = steady((0, 1, "200"), (1, 2, "503"), (2, 6, "200"))
    assert breaches(a_case("reset_storm", SESSIONS), mixed) == []
    assert breaches(a_case("reset_storm", BLIND), mixed) != []


def test_connections_that_are_only_reset_leave_most_requests_served() -> None:
    for law in (SESSIONS, CACHED):
        (said,) = breaches(a_case("reset_storm", law), REFUSED)
        assert said.startswith("only 0 of 3")
        assert said.endswith(" served while connections were reset")


def test_a_killed_replica_answers_nothing_and_the_other_everything() -> None:
    case = a_case("replica_killed", SESSIONS, killed_replica=1)
    dead = [asked(2.0, "refused", replica=1), asked(1.0, "reset", replica=1)]
    assert breaches(case, [*SERVED, *dead]) == []
    (said,) = breaches(case, [*SERVED, asked(2.0, "refused", replica=0)])
    assert said == "answers no law knows: refused × 1"
    (said,) = breaches(case, [*SERVED, asked(3.5, "refused", replica=1)])
    assert said == "answers no law knows: refused × 1"
    (said,) = breaches(case, [*SERVED, asked(2.0, "503", replica=0)])
    assert said == "not served all the while: 503 × 1"


def test_a_lost_store_is_the_laws_affair_though_a_replica_is_killed() -> None:
    lost_first = {"killed_replica": 1, "struck_ns": 2 * S}
    case = a_case("replica_killed_after_loss", SESSIONS, **lost_first)
    assert breaches(case, [*SERVED, asked(1.1, "503")]) == []
    # Once the replica is killed the store is long back.
    (said,) = breaches(case, [*SERVED, asked(2.1, "503")])
    assert said == "not served all the while: 503 × 1"
    for law in (BLIND, PLAIN):
        other = a_case("replica_killed_after_loss", law, **lost_first)
        assert breaches(other, [*SERVED, asked(1.1, "503")]) != []


def test_who_never_recovers_is_said_unless_there_was_no_time() -> None:
    (said,) = breaches(a_case(), REFUSED, recovered_ns=None)
    assert said.startswith("no second without failures within 2.9 s")
    late = a_case("frozen", SESSIONS, mended_ns={"": int(4.8 * S)})
    assert breaches(late, REFUSED, recovered_ns=None) == []


@pytest.mark.parametrize(("promised_s", "breaks"), [(0.0, False), (0.5, True), (None, True)])
def test_a_revoke_promises_no_more_than_the_law(promised_s: float | None, breaks: bool) -> None:
    told = a_victim(0.5, promised_s=promised_s)
    unsure = a_victim(0.5, promised_s=9.0, revoke="indeterminate")
    said = policy_breaches(a_case(), REFUSED, [told, unsure], RECOVERED_NS)
    assert said == (["1 revokes promised later than the law's 0 s"] if breaks else [])

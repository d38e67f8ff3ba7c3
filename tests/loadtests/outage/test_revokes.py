from __future__ import annotations

import pytest

from loadtests.model import LawRecord
from loadtests.outage.revokes import judge_victims
from tests.loadtests.outage.cases import (
    CACHED,
    NONE,
    PLAIN,
    SESSIONS,
    S,
    a_case,
    a_victim,
    asked,
)


@pytest.mark.parametrize(
    ("law", "sent_s", "accepted", "false_accepts"),
    [
        (SESSIONS, 0.79, 0, 0),
        (SESSIONS, 0.81, 1, 1),
        (CACHED, 1.29, 1, 0),
        (CACHED, 1.31, 1, 1),
        (PLAIN, 5.0, 1, 0),
        (NONE, 5.0, 1, 0),
    ],
)
def test_accepted_later_than_the_law_allows(
    law: LawRecord, sent_s: float, accepted: int, false_accepts: int
) -> None:
    """Revoked at 0.8 s, and accepted once."""
    found = judge_victims(a_case("frozen", law), [a_victim(0.8, asked(sent_s))])
    assert (found.accepted, found.false_accepts) == (accepted, false_accepts)


def test_only_what_is_acknowledged_can_be_broken() -> None:
    victims = [
        a_victim(0.8, asked(2.0), revoke="indeterminate"),
        a_victim(0.8, asked(2.0), revoke="refused"),
        a_victim(0.8, asked(2.0, "401"), asked(2.1, "503"), asked(2.2, "timeout")),
    ]
    found = judge_victims(a_case(), victims)
    assert (found.ok, found.refused, found.indeterminate) == (1, 1, 1)
    assert (found.probes, found.accepted, found.false_accepts) == (3, 0, 0)


def test_the_worst_is_the_latest() -> None:
    victims = [a_victim(0.8, asked(1.0), asked(1.5)), a_victim(2.0, asked(2.25))]
    found = judge_victims(a_case("frozen", CACHED), victims)
    assert (found.accepted, found.false_accepts) == (3, 1)
    assert found.accepted_worst_s == pytest.approx(0.7)
    assert found.false_accept_worst_s == pytest.approx(0.2)


def test_a_law_of_tokens_waits_no_longer_than_for_the_victims_own() -> None:
    victim = a_victim(0.8, asked(2.9), asked(3.1), expires_ns=3 * S)
    found = judge_victims(a_case("frozen", PLAIN), [victim])
    assert (found.accepted, found.false_accepts) == (2, 1)
    assert found.false_accept_worst_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("fault", "acked_s", "false_accepts"),
    [
        ("killed_aof_everysec", 0.8, 0),
        ("killed_aof_always", 0.8, 1),
        ("killed_empty", 0.8, 1),
        # Longer ago than everysec may undo: the fault came at 3 s.
        ("killed_aof_everysec", 0.9, 1),
    ],
)
def test_the_last_seconds_before_a_kill_are_given_to_everysec_alone(
    fault: str, acked_s: float, false_accepts: int
) -> None:
    began_s = 3.0 if acked_s == 0.9 else 1.0
    case = a_case(fault, SESSIONS, began_ns=int(began_s * S), mending_ns=4 * S)
    found = judge_victims(case, [a_victim(acked_s, asked(5.0))])
    assert (found.accepted, found.false_accepts) == (1, false_accepts)

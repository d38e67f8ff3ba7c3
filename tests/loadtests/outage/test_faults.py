from __future__ import annotations

import pytest

from loadtests.model import LawRecord
from loadtests.outage.actions import ACTIONS
from loadtests.outage.faults import FAULTS, expected_policy
from tests.loadtests.outage.cases import BLIND, CACHED, NONE, PLAIN, PUSHED, SESSIONS, TRACKED


def test_every_fault_can_be_made() -> None:
    assert set(FAULTS) == set(ACTIONS)


@pytest.mark.parametrize(
    ("fault", "law", "expected"),
    [
        ("frozen", SESSIONS, "at_once"),
        ("killed_empty", CACHED, "within_law"),
        ("half_open", BLIND, "serves"),
        ("killed_aof_always", PLAIN, "unaffected"),
        ("reset_storm", PUSHED, "within_law"),
        ("slow_5ms", SESSIONS, "serves"),
        ("slow_50ms", PUSHED, "serves"),
        ("slow_50ms", NONE, "unaffected"),
        ("tracking_lost", TRACKED, "serves"),
        ("tracking_lost", PUSHED, "unaffected"),
        ("tracking_lost", SESSIONS, "unaffected"),
        ("subscriber_cut", PUSHED, "within_law"),
        ("subscriber_cut", TRACKED, "serves"),
        ("subscriber_cut", BLIND, "serves"),
        ("subscriber_cut", CACHED, "unaffected"),
        ("replica_killed", SESSIONS, "serves"),
        ("replica_killed_after_loss", NONE, "serves"),
    ],
)
def test_what_is_expected_follows_from_fault_and_law(
    fault: str, law: LawRecord, expected: str
) -> None:
    assert expected_policy(FAULTS[fault], law) == expected


@pytest.mark.parametrize("fault", FAULTS)
def test_a_law_that_says_nothing_to_machines_expects_nothing_of_the_store(fault: str) -> None:
    silent = LawRecord(0.0, "at once", "503", "again")
    expected = "serves" if FAULTS[fault].hits == "replica" else "unaffected"
    assert expected_policy(FAULTS[fault], silent) == expected

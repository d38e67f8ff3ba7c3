"""Good users at real replicas: which answered, and who logs in again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, Credential, ReplicaAddress
from loadtests.outage.guests import Guest, ignore
from loadtests.outage.sightings import Asked
from loadtests.scenarios import outage
from loadtests.store_server import RunningStore, start_store
from tests.servers.processes import CHEAP_LOGIN, PASSWORD, Replica, replicas


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    with start_store() as running:
        yield running


@pytest.fixture(scope="module")
def both(store: RunningStore) -> Iterator[list[Replica]]:
    flags = ("--store", store.url, "--carrier", "bearer", *CHEAP_LOGIN)
    with replicas(2, "session_redis", *flags) as running:
        yield running


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watching = Watchdog(5.0)
    yield watching
    watching.close()


def a_guest(
    both: list[Replica], watchdog: Watchdog, noted: list[Asked], logins: list[Asked]
) -> Guest:
    target = ArmTarget(
        "session_redis",
        "bearer",
        "session",
        tuple(ReplicaAddress(each.host, each.port) for each in both),
    )
    guest = Guest(
        target, (), number=0, seed=1, password=PASSWORD, population=10, watchdog=watchdog,
        record=ignore,
    )  # fmt: skip
    guest.note, guest.note_login = noted.append, logins.append
    (minted,) = both[0].mint(first_user=3)
    guest.become(Credential(minted.user_id, minted.credential, ""))
    return guest


def browse(guest: Guest, times: int) -> None:
    for _ in range(times):
        outage.iterate(guest, time.monotonic_ns())


def test_replicas_are_taken_in_turn_and_named(both: list[Replica], watchdog: Watchdog) -> None:
    noted: list[Asked] = []
    guest = a_guest(both, watchdog, noted, [])
    guest.warm_up()
    assert noted == []
    browse(guest, 4)
    assert [each.outcome for each in noted] == ["200"] * 4
    assert sorted(each.replica for each in noted) == [0, 0, 1, 1]
    assert all(each.due_ns <= each.sent_ns < each.done_ns for each in noted)


def test_who_is_logged_out_logs_in_again_as_themselves(
    both: list[Replica], watchdog: Watchdog, store: RunningStore
) -> None:
    noted: list[Asked] = []
    logins: list[Asked] = []
    guest = a_guest(both, watchdog, noted, logins)
    browse(guest, 2)
    with redis.Redis.from_url(store.url) as client:
        client.flushall()
    browse(guest, 3)
    assert [(each.outcome, each.logins) for each in noted] == [
        ("200", 0), ("200", 0), ("401", 0), ("200", 1), ("200", 1),
    ]  # fmt: skip
    assert guest.account().user_id == "user-000003"
    (login,) = logins
    assert login.outcome == "200"
    assert noted[2].done_ns <= login.sent_ns < login.done_ns <= noted[3].sent_ns


def test_who_cannot_be_warmed_up_is_said(
    both: list[Replica], watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loadtests.outage.guests._KNOWN_WITHIN_S", 0.05)
    guest = a_guest(both, watchdog, [], [])
    guest.become(Credential("user-000003", "x" * 44, ""))
    with pytest.raises(ExchangeFailed, match="session_redis: warming up ended in 401"):
        guest.warm_up()

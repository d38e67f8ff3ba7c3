"""What two settings do, on two replicas: one session a user, and an idle life."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from loadtests.store_server import RunningStore
from tests.servers.processes import (
    CHEAP_LOGIN,
    PASSWORD,
    Answer,
    Replica,
    bearer,
    eventually,
    replicas,
)
from tests.servers.story import granted
from tests.servers.variants import QUICK, having, set_flags

LOGINS = 50
# Long enough for a busy machine to log in and ask, short enough to wait for.
IDLE_S = 1.5
# Well below the idle life, whatever caches take off it.
STEP_S = IDLE_S / 6
SESSIONS = having("idle_ttl_s")


@pytest.fixture(scope="module", params=having("one_session"))
def both(request: pytest.FixtureRequest, store: RunningStore) -> Iterator[list[Replica]]:
    """Two replicas of a strategy with both settings, as far as it has them."""
    name: str = request.param
    values = QUICK | {"one_session": "true", "idle_ttl_s": IDLE_S}
    flags = ["--store", store.url, "--key-prefix", f"set:{name}:", *CHEAP_LOGIN]
    with replicas(2, name, *flags, *set_flags(name, **values)) as started:
        yield started


def log_in(replica: Replica, username: str) -> Answer:
    body = {"username": username, "password": PASSWORD}
    return replica.ask("POST", "/login", [("Origin", replica.origin)], body)


def statuses(both: list[Replica], credential: str) -> list[int]:
    return [replica.me(bearer(credential)).status for replica in both]


def test_fifty_logins_at_once_leave_one(both: list[Replica]) -> None:
    with ThreadPoolExecutor(LOGINS) as threads:
        targets = [both[number % 2] for number in range(LOGINS)]
        answers = list(threads.map(lambda each: log_in(each, "user-000001"), targets))
    if "refresh_token" in answers[0].json:
        assert_one_refreshes(both, answers)
    else:
        assert_one_is_left(both, [granted(answer) for answer in answers])


def assert_one_is_left(both: list[Replica], credentials: list[str]) -> None:
    def left() -> list[str]:
        return [each for each in credentials if 200 in statuses(both, each)]

    eventually(lambda: len(left()) == 1)
    (last,) = left()
    assert statuses(both, last) == [200, 200]
    # Another login ends that one too.
    anew = granted(log_in(both[1], "user-000001"))
    assert statuses(both, anew) == [200, 200]
    eventually(lambda: statuses(both, last) == [401, 401])


def assert_one_refreshes(both: list[Replica], answers: list[Answer]) -> None:
    """Access tokens live out their time; what is left of a login is its refresh token."""
    said = [
        both[number % 2].ask("POST", "/refresh", (), {"refresh_token": each.json["refresh_token"]})
        for number, each in enumerate(answers)
    ]
    assert sorted(answer.status for answer in said) == [200] + [401] * (LOGINS - 1)


@pytest.mark.parametrize("both", SESSIONS, indirect=True)
def test_a_login_in_use_stays_and_an_idle_one_ends(both: list[Replica]) -> None:
    used, idle = (each.credential for each in both[0].mint(2))
    assert statuses(both, idle) == [200, 200]
    until_s = time.monotonic() + 1.5 * IDLE_S
    while time.monotonic() < until_s:
        assert statuses(both, used) == [200, 200]
        time.sleep(STEP_S)
    assert statuses(both, idle) == [401, 401]

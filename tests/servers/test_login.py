"""Passwords: who gets in, who is slowed, and how many may wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.errors import Refused
from servers.flags import parse_settings
from servers.login import PasswordCheck, open_password_check
from servers.throttle import FailureThrottle
from servers.users import Directory
from tests.servers.processes import CHEAP_LOGIN, PASSWORD, running

USER = "user-000003"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def passwords() -> AsyncIterator[PasswordCheck]:
    flags = ["--strategy", "none", "--login-queue", "2", *CHEAP_LOGIN]
    settings = parse_settings(flags, {}, lambda: ["none"])
    async with open_password_check(settings, Directory(10)) as check:
        yield check


async def refusal(passwords: PasswordCheck, username: str, password: str) -> int:
    try:
        await passwords.check(username, password)
    except Refused as refused:
        return refused.status
    return 200


async def test_the_right_password_gets_in(passwords: PasswordCheck) -> None:
    assert (await passwords.check(USER, PASSWORD)).user_id == USER


@pytest.mark.parametrize("username", [USER, "nobody", "", "user-٠٠٠٠٠٣", "user-3"])
async def test_a_wrong_password_does_not(passwords: PasswordCheck, username: str) -> None:
    assert await refusal(passwords, username, "wrong") == 401


async def test_the_password_does_not_open_unknown_accounts(passwords: PasswordCheck) -> None:
    assert await refusal(passwords, "nobody", PASSWORD) == 401


async def test_known_and_unknown_cost_the_same_hash(passwords: PasswordCheck) -> None:
    known, dummy = passwords._user_hash, passwords._dummy_hash
    assert known.rsplit("$", 2)[0] == dummy.rsplit("$", 2)[0]
    assert known != dummy


@pytest.mark.parametrize("username", [USER, "nobody"])
async def test_failures_are_slowed_for_that_account_alone(
    passwords: PasswordCheck, username: str
) -> None:
    said = [await refusal(passwords, username, "wrong") for _ in range(7)]
    assert said == [401] * 5 + [429] * 2
    assert await refusal(passwords, username, PASSWORD) == 429
    assert await refusal(passwords, "user-000004", PASSWORD) == 200


async def test_successes_never_count(passwords: PasswordCheck) -> None:
    assert {await refusal(passwords, USER, PASSWORD) for _ in range(30)} == {200}


async def test_guesses_queued_together_do_not_slip_through() -> None:
    flags = ["--strategy", "none", *CHEAP_LOGIN]
    settings = parse_settings(flags, {}, lambda: ["none"])
    async with open_password_check(settings, Directory(10)) as passwords:
        said = await asyncio.gather(*(refusal(passwords, USER, "wrong") for _ in range(20)))
    assert sorted(said) == [401] * 5 + [429] * 15


async def test_a_full_queue_is_busy(passwords: PasswordCheck) -> None:
    said = await asyncio.gather(*(refusal(passwords, USER, PASSWORD) for _ in range(8)))
    # One is checked, two wait.
    assert sorted(said) == [200] * 3 + [503] * 5
    assert await refusal(passwords, USER, PASSWORD) == 200


def test_the_answers_over_http() -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        for _ in range(5):
            answer = replica.login(password="wrong")
            assert (answer.status, answer.json["error"]) == (401, "wrong_login")
        answer = replica.login()
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 12
        assert replica.login("user-000002").status == 200


def test_a_bucket_refills() -> None:
    clock = Clock()
    throttle = FailureThrottle(burst=3, refill_s=10.0, clock=clock)
    for _ in range(3):
        assert throttle.wait_s("a") == 0
        throttle.record_failure("a")
    assert throttle.wait_s("a") == pytest.approx(10.0)
    clock.now_s += 10.0
    assert throttle.wait_s("a") == 0
    throttle.record_failure("a")
    assert throttle.wait_s("a") == pytest.approx(10.0)
    clock.now_s += 1_000.0
    for _ in range(3):
        assert throttle.wait_s("a") == 0
        throttle.record_failure("a")
    assert throttle.wait_s("a") > 0


@given(accounts=st.lists(st.sampled_from("abcdefgh"), max_size=60))
def test_memory_is_bounded_and_the_latest_are_remembered(accounts: list[str]) -> None:
    throttle = FailureThrottle(burst=1, refill_s=10.0, max_accounts=3, clock=Clock())
    for account in accounts:
        throttle.record_failure(account)
    latest = list(dict.fromkeys(reversed(accounts)))
    assert all(throttle.wait_s(account) > 0 for account in latest[:3])
    assert all(throttle.wait_s(account) == 0 for account in latest[3:])

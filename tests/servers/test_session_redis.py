"""What session_redis keeps in a real store, and what it asks of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.flags import parse_settings
from servers.strategies.session_redis import Options, RedisSessions, open_strategy
from servers.strategy import Context, Rejected
from servers.users import Directory, User
from tests.servers.processes import eventually

USER = User("user-000001", "member")
TAG = "zjT8"
INDEX = f"t:index:{{{TAG}}}user-000001"
Open = Callable[..., Any]


def key_of(credential: str) -> str:
    assert credential.startswith(TAG)
    return f"t:session:{{{TAG}}}{credential[len(TAG) :]}"


@pytest.fixture
def sessions(store: RunningStore, client: Any) -> Open:
    @asynccontextmanager
    async def opened(prefix: str = "t:", **options: Any) -> AsyncIterator[RedisSessions]:
        flags = ["--strategy", "session_redis", "--store", store.url, "--key-prefix", prefix]
        settings = parse_settings(flags, {}, lambda: ["session_redis"])
        context = Context(settings, Options(**options), Directory(10))
        async with open_strategy(context) as strategy:
            yield strategy

    return opened


async def test_a_request_is_one_command(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        credential = (await strategy.issue(USER)).credential
        await strategy.verify(credential)
        client.config_resetstat()
        for _ in range(5):
            await strategy.verify(credential)
        calls = {name: stats["calls"] for name, stats in client.info("commandstats").items()}
    assert calls.pop("cmdstat_getex") == 5
    assert not set(calls) - {"cmdstat_config|resetstat", "cmdstat_info"}


async def test_a_credential_of_another_shape_asks_nothing(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        client.config_resetstat()
        for credential in ("", "x", "x" * 25, "x" * 27):
            with pytest.raises(Rejected):
                await strategy.verify(credential)
        assert "cmdstat_getex" not in client.info("commandstats")


async def test_a_request_renews_the_idle_life(sessions: Open, client: Any) -> None:
    async with sessions(idle_ttl_s=100.0) as strategy:
        credential = (await strategy.issue(USER)).credential
        client.pexpire(key_of(credential), 5_000)
        await strategy.verify(credential)
        assert client.pttl(key_of(credential)) > 90_000


async def test_an_idle_session_ends(sessions: Open, client: Any) -> None:
    async with sessions(idle_ttl_s=0.05) as strategy:
        credential = (await strategy.issue(USER)).credential
        await asyncio.to_thread(eventually, lambda: not client.exists(key_of(credential)))
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_the_absolute_cap_is_not_renewed(sessions: Open, client: Any) -> None:
    async with sessions(absolute_ttl_s=0.2) as strategy:
        credential = (await strategy.issue(USER)).credential
        with pytest.raises(Rejected, match="expired"):
            await _verify_for(5.0, strategy, credential)
        # The key is still there: renewed by requests, refused by its cap.
        assert client.exists(key_of(credential))


async def _verify_for(seconds: float, strategy: RedisSessions, credential: str) -> None:
    async with asyncio.timeout(seconds):
        while True:
            await strategy.verify(credential)


async def test_writing_state_keeps_the_idle_life(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        identity = await strategy.verify((await strategy.issue(USER)).credential)
        client.pexpire(key_of(identity.sid), 5_000)
        assert await strategy.write_state(identity, {"cart": [1]}) is None
        assert 0 < client.pttl(key_of(identity.sid)) <= 5_000


async def test_writing_state_never_creates_a_session(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        identity = await strategy.verify((await strategy.issue(USER)).credential)
        await strategy.revoke_user(USER.user_id)
        with pytest.raises(Rejected):
            await strategy.write_state(identity, {"cart": [1]})
        assert client.keys("t:*") == []


async def test_the_index_outlives_its_longest_session(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        await strategy.issue_many([USER], 1_000)
        await strategy.issue_many([USER], 10)
        assert client.pttl(INDEX) > 900_000
        await strategy.issue_many([USER], 2_000)
        assert client.pttl(INDEX) > 1_900_000


async def test_the_index_forgets_ended_sessions(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        client.zadd(INDEX, {"long-ended": 1})
        await strategy.issue(USER)
        assert client.zcard(INDEX) == 1


async def test_a_logout_leaves_nothing(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        await strategy.logout(await strategy.verify((await strategy.issue(USER)).credential))
        assert client.keys("t:*") == []


async def test_revoke_all_is_complete_and_keeps_to_its_prefix(sessions: Open, client: Any) -> None:
    async with sessions("a*:") as mine, sessions("a-other:") as others:
        users = [User(f"user-{number}", "member") for number in range(3_000)]
        grants = await mine.issue_many(users, None)
        kept = await others.issue(USER)
        await mine.revoke_all()
        assert not [key for key in client.scan_iter(count=5_000) if key.startswith("a*:session:")]
        with pytest.raises(Rejected):
            await mine.verify(grants[1_500].credential)
        assert (await others.verify(kept.credential)).user_id == USER.user_id


async def test_a_login_during_revoke_all_can_still_be_kicked(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        await strategy.issue(USER)
        made: list[Any] = []

        async def log_in() -> None:
            made.extend([await strategy.issue(USER) for _ in range(20)])

        tasks: list[Awaitable[Any]] = [strategy.revoke_all(), log_in(), strategy.revoke_all()]
        await asyncio.gather(*tasks)
        await strategy.revoke_user(USER.user_id)
        for grant in made:
            with pytest.raises(Rejected):
                await strategy.verify(grant.credential)


async def test_scripts_survive_a_store_that_forgot_them(sessions: Open, client: Any) -> None:
    async with sessions() as strategy:
        await strategy.issue(USER)
        client.script_flush()
        await strategy.issue(USER)
        client.script_flush()
        await strategy.revoke_user(USER.user_id)
        assert client.keys("t:*") == []

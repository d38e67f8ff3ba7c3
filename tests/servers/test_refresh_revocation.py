"""What ends the logins of jwt_refresh, also when it races a refresh, a login or a write."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import redis

from loadtests.store_server import RunningStore
from servers.strategies.jwt_refresh import RefreshedTokens
from servers.strategy import Effect, Grant, Identity, Rejected
from servers.users import User
from tests.servers.refreshing import (
    OTHER,
    USER,
    Clock,
    Held,
    claims,
    family_key,
    index_key,
    refresh_token,
    replica,
)

Open = Callable[..., AbstractAsyncContextManager[RefreshedTokens]]
LIFE_S = 300


@pytest.fixture
def client(store: RunningStore) -> Iterator[Any]:
    with redis.Redis.from_url(store.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def opened(store: RunningStore, client: Any) -> Open:
    return functools.partial(replica, store.url)


@pytest.fixture
async def strategy(opened: Open) -> AsyncIterator[RefreshedTokens]:
    async with opened() as strategy:
        yield strategy


async def assert_dead(strategy: RefreshedTokens, *grants: Grant) -> None:
    for grant in grants:
        with pytest.raises(Rejected, match="unknown_refresh"):
            await strategy.refresh(refresh_token(grant))


async def settled(strategy: RefreshedTokens, tokens: list[str]) -> list[Grant]:
    """Refreshes all at the same time; the grants of those that were not refused."""
    answers = await asyncio.gather(
        *(strategy.refresh(token) for token in tokens), return_exceptions=True
    )
    assert all(isinstance(answer, Grant | Rejected) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Grant)]


async def test_a_new_role_reaches_refreshes_and_logins(
    strategy: RefreshedTokens, client: Any
) -> None:
    grant = await strategy.issue(USER)
    ended = await strategy.issue(USER)
    client.delete(family_key(ended))
    effect = await strategy.set_role(USER.user_id, "auditor")
    assert effect.effective_within_s == 300
    assert not client.exists(family_key(ended))
    assert claims(await strategy.refresh(refresh_token(grant)))["role"] == "auditor"
    assert claims(await strategy.issue(USER))["role"] == "auditor"
    (minted, other) = await strategy.issue_many([USER, OTHER], None)
    assert (claims(minted)["role"], claims(other)["role"]) == ("auditor", "member")


async def test_a_logout_leaves_nothing(strategy: RefreshedTokens, client: Any) -> None:
    (grant,) = await strategy.issue_many([USER], 10)
    effect = await strategy.logout(await strategy.verify(grant.credential))
    assert effect.effective_within_s is not None
    assert 8 < effect.effective_within_s <= 10
    assert client.keys("t:*") == []
    await assert_dead(strategy, grant)


async def test_a_kick_ends_every_login_of_that_user_and_no_other(opened: Open) -> None:
    async with opened(clock_leeway_s=5.0) as one, opened() as other:
        mine = [await one.issue(USER), await other.issue(USER)]
        mine += await one.issue_many([USER], 1)
        kept = await one.issue(OTHER)
        assert (await one.revoke_user(USER.user_id)).effective_within_s == 305
        await assert_dead(other, *mine)
        await other.refresh(refresh_token(kept))
        assert await one.revoke_user("nobody") == await one.revoke_user(USER.user_id)


async def test_a_change_of_password_keeps_this_login(strategy: RefreshedTokens) -> None:
    this, other = [await strategy.issue(USER) for _ in range(2)]
    identity = await strategy.verify(this.credential)
    effect, grant = await strategy.revoke_others(identity)
    assert (effect.effective_within_s, grant) == (300, None)
    await assert_dead(strategy, other)
    await strategy.refresh(refresh_token(this))


async def test_revoke_all_is_complete_and_keeps_to_its_prefix(opened: Open, client: Any) -> None:
    async with opened("a*:") as mine, opened("a-other:") as others:
        grants = await mine.issue_many([User(f"user-{n}", "member") for n in range(1_500)], None)
        kept = await others.issue(USER)
        assert (await mine.revoke_all()).effective_within_s == 300
        assert not [key for key in client.scan_iter(count=5_000) if key.startswith(b"a*:family:")]
        await assert_dead(mine, grants[700])
        await others.refresh(refresh_token(kept))
        # A login made since is in the index that a kick reads.
        again = await mine.issue(USER)
        await mine.revoke_user(USER.user_id)
        await assert_dead(mine, again)


async def test_of_50_logins_at_once_one_session_leaves_one(opened: Open, client: Any) -> None:
    async with opened(one_session=True) as one, opened(one_session=True) as other:
        kept = await one.issue(OTHER)
        grants = await asyncio.gather(*((one, other)[n % 2].issue(USER) for n in range(50)))
        assert len(await settled(one, [refresh_token(grant) for grant in grants])) == 1
        assert client.zcard(index_key(grants[0])) == 1
        await other.refresh(refresh_token(kept))


async def test_of_50_refreshes_at_once_at_most_one_gets_through(opened: Open, client: Any) -> None:
    async with opened() as one, opened() as other:
        token = refresh_token(await one.issue(USER))
        halves = await asyncio.gather(settled(one, [token] * 25), settled(other, [token] * 25))
        (winner,) = [*halves[0], *halves[1]]
        # The second to come was a reuse, and ended what the first had got.
        await assert_dead(one, winner)
        assert client.keys("t:*") == []


async def test_within_the_grace_50_refreshes_at_once_get_the_same(opened: Open) -> None:
    async with opened(grace_s=60.0) as one, opened(grace_s=60.0) as other:
        token = refresh_token(await one.issue(USER))
        halves = await asyncio.gather(settled(one, [token] * 25), settled(other, [token] * 25))
        grants = [*halves[0], *halves[1]]
        assert len(grants) == 50
        (successor,) = {refresh_token(grant) for grant in grants}
        await other.refresh(successor)


async def _kick(strategy: RefreshedTokens, identity: Identity) -> Effect:
    return await strategy.revoke_user(identity.user_id)


async def _kick_all(strategy: RefreshedTokens, identity: Identity) -> Effect:
    return await strategy.revoke_all()


async def _log_out(strategy: RefreshedTokens, identity: Identity) -> Effect:
    return await strategy.logout(identity)


async def _change_role(strategy: RefreshedTokens, identity: Identity) -> Effect:
    return await strategy.set_role(identity.user_id, "auditor")


async def _log_in(strategy: RefreshedTokens, grant: Grant) -> Grant:
    return await strategy.issue(USER)


async def _mint(strategy: RefreshedTokens, grant: Grant) -> Grant:
    return (await strategy.issue_many([USER], None))[0]


async def _refresh(strategy: RefreshedTokens, grant: Grant) -> Grant:
    return await strategy.refresh(refresh_token(grant))


Granting = Callable[[RefreshedTokens, Grant], Awaitable[Grant]]
Revoking = Callable[[RefreshedTokens, Identity], Awaitable[Effect]]
ENDING = [_kick, _kick_all, _log_out]


@pytest.mark.parametrize("revoke", [*ENDING, _change_role])
@pytest.mark.parametrize("granting", [_refresh, _log_in, _mint])
async def test_a_grant_answered_after_a_revoke_ends_within_the_law(
    opened: Open, monkeypatch: pytest.MonkeyPatch, granting: Granting, revoke: Revoking
) -> None:
    async with opened() as one, opened() as other:
        grant = await one.issue(USER)
        identity = await one.verify(grant.credential)
        clock, held = Clock(monkeypatch), Held(monkeypatch, reply=True)
        answer = asyncio.ensure_future(granting(one, grant))
        await held.reached()
        await revoke(other, identity)
        acked_s = time.time()
        clock.ahead_s = 100
        held.release()
        late = await answer
        assert claims(late)["exp"] <= acked_s + LIFE_S
        # A logout ends its own login only, and a change of role none.
        if revoke in ENDING and not (revoke is _log_out and granting is not _refresh):
            await assert_dead(other, late)


@pytest.mark.parametrize("revoke", ENDING)
async def test_a_refresh_sent_after_a_revoke_gets_nothing(
    opened: Open, client: Any, monkeypatch: pytest.MonkeyPatch, revoke: Revoking
) -> None:
    async with opened() as one, opened() as other:
        grant = await one.issue(USER)
        identity = await one.verify(grant.credential)
        held = Held(monkeypatch, reply=False)
        answer = asyncio.ensure_future(one.refresh(refresh_token(grant)))
        await held.reached()
        await revoke(other, identity)
        held.release()
        with pytest.raises(Rejected, match="unknown_refresh"):
            await answer
        assert not client.exists(family_key(grant))


@pytest.mark.parametrize("revoke", ENDING)
async def test_a_state_written_after_a_revoke_creates_nothing(
    opened: Open, client: Any, monkeypatch: pytest.MonkeyPatch, revoke: Revoking
) -> None:
    async with opened() as one, opened() as other:
        grant = await one.issue(USER)
        identity = await one.verify(grant.credential)
        held = Held(monkeypatch, reply=False)
        answer = asyncio.ensure_future(one.write_state(identity, {"cart": [1]}))
        await held.reached()
        await revoke(other, identity)
        held.release()
        with pytest.raises(Rejected, match="unknown_login"):
            await answer
        assert not client.exists(family_key(grant))


async def test_a_refresh_and_a_state_written_meanwhile_both_count(
    strategy: RefreshedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = await strategy.issue(USER)
    identity = await strategy.verify(grant.credential)
    held = Held(monkeypatch, reply=True)
    answer = asyncio.ensure_future(strategy.refresh(refresh_token(grant)))
    await held.reached()
    await strategy.write_state(identity, {"cart": [1]})
    held.release()
    again = await strategy.refresh(refresh_token(await answer))
    assert claims(again)["state"] == {"cart": [1]}


async def test_it_counts_refreshes_and_reuse(strategy: RefreshedTokens) -> None:
    first = await strategy.issue(USER)
    await strategy.refresh(refresh_token(first))
    for code in ("refresh_reused", "unknown_refresh"):
        with pytest.raises(Rejected, match=code):
            await strategy.refresh(refresh_token(first))
    assert strategy.counters() == {"refreshes": 1, "refresh_reuses": 1}

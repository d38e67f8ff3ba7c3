"""What jwt_refresh keeps in a real store, and which refresh tokens it takes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import redis

from loadtests.store_server import RunningStore
from servers.carrier import MAX_CREDENTIAL_BYTES
from servers.errors import Refused
from servers.settings import SettingsError
from servers.strategies.jwt_refresh import Options, RefreshedTokens, law
from servers.strategy import Grant, Identity, Rejected, TtlRefused
from servers.users import User
from tests.servers.processes import eventually
from tests.servers.refreshing import (
    OTHER,
    USER,
    Clock,
    claims,
    family_key,
    index_key,
    refresh_token,
    replica,
)

Open = Callable[..., AbstractAsyncContextManager[RefreshedTokens]]


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


def asked(client: Any) -> set[str]:
    """The commands since CONFIG RESETSTAT."""
    own = {"cmdstat_config|resetstat", "cmdstat_info"}
    return set(client.info("commandstats")) - own


async def assert_refused(strategy: RefreshedTokens, token: str, code: str) -> None:
    with pytest.raises(Rejected) as rejected:
        await strategy.refresh(token)
    assert rejected.value.code == code


async def assert_dead(strategy: RefreshedTokens, *grants: Grant) -> None:
    for grant in grants:
        await assert_refused(strategy, refresh_token(grant), "unknown_refresh")


async def test_a_request_asks_nobody(strategy: RefreshedTokens, client: Any) -> None:
    credential = (await strategy.issue(USER)).credential
    client.config_resetstat()
    assert (await strategy.verify(credential)).user_id == USER.user_id
    assert asked(client) == set()


async def test_a_refresh_is_the_same_login_for_another_life(
    strategy: RefreshedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    before = await strategy.issue(USER)
    clock.ahead_s = 100
    after = await strategy.refresh(refresh_token(before))
    same = ("sub", "role", "sid", "auth_time", "iss", "aud", "state")
    assert [claims(after)[name] for name in same] == [claims(before)[name] for name in same]
    assert claims(after)["jti"] != claims(before)["jti"]
    assert claims(after)["exp"] == claims(after)["iat"] + 300 >= claims(before)["exp"] + 100
    assert (after.sid, after.expires_in_s) == (before.sid, 300)
    assert after.refresh_token != before.refresh_token
    assert (await strategy.refresh(refresh_token(after))).sid == before.sid


async def test_a_refresh_is_one_script(strategy: RefreshedTokens, client: Any) -> None:
    grant = await strategy.refresh(refresh_token(await strategy.issue(USER)))
    client.config_resetstat()
    await strategy.refresh(refresh_token(grant))
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
    assert asked(client) <= {f"cmdstat_{name}" for name in ("evalsha", "hmget", "hset", "time",
                                                            "pexpire", "pttl")}  # fmt: skip


async def test_reuse_ends_the_family(strategy: RefreshedTokens, client: Any) -> None:
    kept = await strategy.issue(USER)
    first = await strategy.issue(USER)
    second = await strategy.refresh(refresh_token(first))
    await assert_refused(strategy, refresh_token(first), "refresh_reused")
    await assert_dead(strategy, second, first)
    assert client.zcard(index_key(kept)) == 1
    await strategy.refresh(refresh_token(kept))


async def test_within_the_grace_the_answer_is_the_identical_successor(
    opened: Open, client: Any
) -> None:
    async with opened(grace_s=60.0) as one, opened(grace_s=60.0) as other:
        first = await one.issue(USER)
        second = await one.refresh(refresh_token(first))
        client.pexpire(family_key(first), 5_000)
        stored = client.hgetall(family_key(first))
        again = await other.refresh(refresh_token(first))
        assert again.refresh_token == second.refresh_token
        assert again.credential != second.credential
        assert client.hgetall(family_key(first)) == stored
        assert 0 < client.pttl(family_key(first)) <= 5_000
        await one.refresh(refresh_token(second))


async def test_after_the_grace_reuse_ends_the_family(opened: Open, client: Any) -> None:
    async with opened(grace_s=60.0) as strategy:
        first = await strategy.issue(USER)
        second = await strategy.refresh(refresh_token(first))
        client.hincrby(family_key(first), "rotated_ms", -60_000)
        await assert_refused(strategy, refresh_token(first), "refresh_reused")
        await assert_dead(strategy, second)


async def test_the_grace_is_for_the_previous_token_only(opened: Open) -> None:
    async with opened(grace_s=60.0) as strategy:
        first = await strategy.issue(USER)
        second = await strategy.refresh(refresh_token(first))
        third = await strategy.refresh(refresh_token(second))
        await assert_refused(strategy, refresh_token(first), "refresh_reused")
        await assert_dead(strategy, third)


async def test_what_was_never_handed_out_asks_nothing_and_ends_nothing(
    strategy: RefreshedTokens, client: Any
) -> None:
    grant = await strategy.issue(USER)
    good = refresh_token(grant)
    client.config_resetstat()
    for made_up in (f"{grant.sid}.{'A' * 44}", good[:-1] + ("A" if good[-1] != "A" else "B")):
        await assert_refused(strategy, made_up, "invalid_refresh")
    for malformed in ("", good[:-1], good + "A", grant.sid, grant.credential):
        await assert_refused(strategy, malformed, "malformed")
    assert asked(client) == set()
    await strategy.refresh(good)


async def test_a_refresh_token_is_no_access_token(strategy: RefreshedTokens) -> None:
    with pytest.raises(Rejected):
        await strategy.verify(refresh_token(await strategy.issue(USER)))


async def test_the_store_holds_no_token_in_plain(strategy: RefreshedTokens, client: Any) -> None:
    grants = [await strategy.issue(USER), *await strategy.issue_many([USER, OTHER], None)]
    grants += [await strategy.refresh(refresh_token(grant)) for grant in grants]
    await strategy.write_state(await strategy.verify(grants[-1].credential), {"cart": [1]})
    await strategy.set_role(USER.user_id, "admin")
    held = b"\n".join(client.keys())
    for key in client.keys("t:family:*"):
        held += b"\n".join(value for pair in client.hgetall(key).items() for value in pair)
    for key in client.keys("t:families:*"):
        held += b"\n".join(client.zrange(key, 0, -1))
    assert b"cart" in held
    for grant in grants:
        assert grant.sid[4:].encode() in held
        secret = refresh_token(grant).partition(".")[2]
        for plain in (secret, secret[:22], secret[22:], grant.credential):
            assert plain.encode() not in held
        for half in (secret[:22], secret[22:]):
            assert base64.urlsafe_b64decode(half + "==") not in held


async def test_a_refresh_renews_the_idle_life(opened: Open, client: Any) -> None:
    async with opened(refresh_ttl_s=400.0) as strategy:
        grant = await strategy.issue(USER)
        assert grant.refresh_expires_in_s == 400
        client.pexpire(family_key(grant), 5_000)
        grant = await strategy.refresh(refresh_token(grant))
        assert client.pttl(family_key(grant)) > 390_000
        assert grant.refresh_expires_in_s == pytest.approx(400, abs=10)
        client.pexpire(family_key(grant), 1)
        await asyncio.to_thread(eventually, lambda: not client.exists(family_key(grant)))
        await assert_dead(strategy, grant)


async def test_nothing_outlives_the_end_of_the_login(opened: Open, client: Any) -> None:
    async with opened(absolute_ttl_s=60.0) as strategy:
        grant = await strategy.issue(USER)
        assert (grant.expires_in_s, grant.refresh_expires_in_s) == (60, 60)
        client.hincrby(family_key(grant), "ends_ms", -20_000)
        grant = await strategy.refresh(refresh_token(grant))
        life_s = claims(grant)["exp"] - claims(grant)["iat"]
        assert 30 <= life_s <= 40
        assert grant.expires_in_s == life_s
        assert 30_000 < client.pttl(family_key(grant)) <= 40_000


async def test_state_survives_a_refresh_and_keeps_the_expiry(strategy: RefreshedTokens) -> None:
    (before,) = await strategy.issue_many([USER], 100)
    state = {"cart": ["é\u0000", 1]}
    written = await strategy.write_state(await strategy.verify(before.credential), state)
    assert written.refresh_token is None
    changed = {"state": state, "jti": claims(written)["jti"]}
    assert claims(written) == {**claims(before), **changed}
    after = await strategy.refresh(refresh_token(before))
    assert (await strategy.verify(after.credential)).state == state


async def test_a_state_that_a_token_cannot_carry_is_not_kept(
    strategy: RefreshedTokens, client: Any
) -> None:
    grant = await strategy.issue(User("user-000001", "a"))
    identity = await strategy.verify(grant.credential)
    # Three bytes of JSON are four characters of a token.
    beyond = (MAX_CREDENTIAL_BYTES - len(grant.credential)) * 3 // 4
    with pytest.raises(Refused) as refused:
        await strategy.write_state(identity, {"note": "x" * beyond})
    assert refused.value.status == 413
    assert client.hget(family_key(grant), "state") == b"{}"
    largest = await _largest_note(strategy, identity, beyond)
    await strategy.set_role(USER.user_id, "r" * 32)
    after = await strategy.refresh(refresh_token(grant))
    assert (await strategy.verify(after.credential)).state == {"note": largest}
    assert MAX_CREDENTIAL_BYTES - 8 < len(after.credential) <= MAX_CREDENTIAL_BYTES


async def _largest_note(strategy: RefreshedTokens, identity: Identity, chars: int) -> str:
    """The longest, of at most `chars`, that is kept."""
    while True:
        chars -= 1
        with contextlib.suppress(Refused):
            await strategy.write_state(identity, {"note": "x" * chars})
            return "x" * chars


async def test_the_index_outlives_its_families_and_forgets_the_ended(
    strategy: RefreshedTokens, client: Any
) -> None:
    grant = await strategy.issue(USER)
    client.zadd(index_key(grant), {"long-ended": 1})
    await strategy.issue_many([USER], 10)
    assert client.zcard(index_key(grant)) == 2
    assert client.pttl(index_key(grant)) > 604_000_000
    assert client.pttl(family_key(grant)) <= 86_400_000


@pytest.mark.parametrize("ttl_s", [0.5, 1.5, 301, 10**15])
async def test_a_minted_life_is_whole_seconds_within_the_law(
    strategy: RefreshedTokens, ttl_s: float
) -> None:
    with pytest.raises(TtlRefused, match="whole number from 1 to 300"):
        await strategy.issue_many([USER], ttl_s)


async def test_scripts_survive_a_store_that_forgot_them(
    strategy: RefreshedTokens, client: Any
) -> None:
    grant = await strategy.issue(USER)
    client.script_flush()
    grant = await strategy.refresh(refresh_token(grant))
    client.script_flush()
    await strategy.issue_many([USER], None)
    assert client.zcard(index_key(grant)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_ttl_s": 900, "refresh_ttl_s": 600.0},
         "--set access_ttl_s=900: allowed is at most refresh_ttl_s = 600"),
        ({"access_ttl_s": 2, "grace_s": 5.0},
         "--set grace_s=5: allowed is at most access_ttl_s = 2"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        Options(**options)
    assert str(error.value) == message


def test_the_law_is_the_life_of_an_access_token() -> None:
    said = law(Options(access_ttl_s=60, clock_leeway_s=1.5))
    assert said.bound_s == 61.5
    assert "61.5 s" in said.sentence
    assert "61.5 s" in said.store_down

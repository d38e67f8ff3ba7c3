"""What the revocable tokens share, and what only jwt_denylist_redis and jwt_denylist_pubsub do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.strategies import _revocation_channel
from servers.strategy import Effect, StoreUnavailable
from tests.servers.opening import becomes, calls
from tests.servers.proxy import proxied
from tests.servers.refreshing import Clock, claims
from tests.servers.revoking import (
    ALL,
    BASE,
    OTHER,
    PUSHED,
    USER,
    Deaf,
    Ending,
    applied,
    change_password,
    change_role,
    end_store,
    ends,
    is_good,
    kick,
    kick_all,
    listening,
    log_out,
    put_kick,
    replica,
    says,
    signatures_checked,
    soon,
    three,
    wait_held,
    will_say,
)

LOOKED_UP, PUBLISHED = "jwt_denylist_redis", "jwt_denylist_pubsub"
# They know another store when they see it.
LOSING = [LOOKED_UP, *PUSHED]


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    """Of these tests alone: they empty it, and nobody else subscribes there."""
    with start_store() as running_store:
        yield running_store


@pytest.mark.parametrize("name", ALL)
async def test_a_logout_ends_this_login_and_a_role_holds_everywhere(
    store: RunningStore, client: Any, name: str
) -> None:
    async with replica(name, store.url) as one, replica(name, store.url) as other:
        this, that = [(await one.issue(USER)).credential for _ in range(2)]
        await one.set_role(USER.user_id, "auditor")
        await will_say("auditor", this, one, other)
        assert claims(await other.issue(USER))["role"] == "auditor"
        await other.logout(await one.verify(this))
        await ends(this, one, other)
        # A counter knows no single login.
        await will_say("revoked" if name == "jwt_epoch" else "auditor", that, one, other)


@pytest.mark.parametrize("end", [kick, kick_all, log_out, change_password, change_role])
@pytest.mark.parametrize("name", [PUBLISHED, *PUSHED])
async def test_here_it_holds_before_it_is_acknowledged(
    store: RunningStore, client: Any, name: str, end: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing is heard of it."""
    with proxied(store.url) as proxy:
        async with replica(name, store.url) as other, replica(name, proxy.url) as one:
            credential = (await one.issue(USER)).credential
            asking = (await one.issue(USER)).credential if end is change_password else credential
            identity = await one.verify(asking)
            if name == PUBLISHED:
                monkeypatch.setattr(_revocation_channel, "Change", Deaf)
            else:
                await wait_held(client, proxy, other)
            await end(one, identity)
            assert await says(one, credential) == ("auditor" if end is change_role else "revoked")


@pytest.mark.parametrize("name", ALL)
async def test_a_change_of_password_keeps_this_login_alone(
    store: RunningStore, client: Any, name: str
) -> None:
    async with replica(name, store.url) as one, replica(name, store.url) as other:
        this, that = await one.issue(USER), await other.issue(USER)
        identity = await one.verify(this.credential)
        _, again = await one.revoke_others(identity)
        await ends(this.credential, one, other)
        await ends(that.credential, one, other)
        assert (await other.verify(again.credential)).sid == identity.sid
        assert claims(again)["exp"] == claims(this)["exp"]
        assert await is_good(one, again.credential)


@pytest.mark.parametrize("end", [kick, kick_all, log_out])
@pytest.mark.parametrize("name", ALL)
async def test_a_re_issued_token_is_the_same_login(
    store: RunningStore, client: Any, name: str, end: Ending
) -> None:
    """Written before the end and after it: neither escapes."""
    async with replica(name, store.url) as one, replica(name, store.url) as other:
        grant = await one.issue(USER)
        identity = await one.verify(grant.credential)
        before = await one.write_state(identity, {"cart": [1]})
        same = ("sid", "auth_time", "iat", "exp", "epoch", "gen", "sub", "role")
        assert [claims(before)[key] for key in same] == [claims(grant)[key] for key in same]
        assert (await one.verify(before.credential)).state == {"cart": [1]}
        await end(other, identity)
        after = await one.write_state(identity, {"cart": [2]})
        for each in (grant, before, after):
            await ends(each.credential, one, other)


@pytest.mark.parametrize("name", LOSING)
async def test_an_emptied_store_granted_none_of_these(
    store: RunningStore, client: Any, name: str
) -> None:
    async with replica(name, store.url, **soon(name)) as one:
        kicked, kept, _ = await three(one)
        await one.revoke_user(USER.user_id)
        client.flushall()
        await will_say("unknown_generation", kept, one)
        await will_say("unknown_generation", kicked, one)
        async with replica(name, store.url) as newcomer:
            assert await says(newcomer, kept) == "unknown_generation"
            again = (await newcomer.issue(USER)).credential
            await will_say("member", again, one, newcomer)
            await newcomer.revoke_user(USER.user_id)
            await will_say("revoked", again, one, newcomer)


@pytest.mark.parametrize("name", LOSING)
async def test_where_a_lost_store_is_accepted(store: RunningStore, client: Any, name: str) -> None:
    accepting: dict[str, Any] = {"on_store_loss": "accept", **soon(name)}
    async with replica(name, store.url, **accepting) as one:
        kicked, kept, third = await three(one)
        await one.revoke_user(USER.user_id)
        client.flushall()
        # As its law says: what the lost store had revoked is good again.
        await will_say("member", kicked, one)
        async with replica(name, store.url, **accepting) as newcomer:
            await newcomer.revoke_user(OTHER.user_id)
            await will_say("revoked", kept, one, newcomer)
            await will_say("member", third, one, newcomer)
            identity = await one.verify(third)
            _, again = await newcomer.revoke_others(identity)
            await will_say("member", again.credential, one, newcomer)
            await will_say("revoked", third, one, newcomer)


@pytest.mark.parametrize("name", LOSING)
@pytest.mark.usefixtures("granted_long_ago")
async def test_a_store_that_starts_again_empty(client: Any, name: str) -> None:
    with start_store() as first:
        port = int(first.url.rpartition(":")[2].partition("/")[0])
        async with replica(name, first.url) as before:
            credential = (await before.issue(USER)).credential
        with proxied(first.url) as proxy:
            async with replica(name, proxy.url) as survivor:
                await will_say("member", credential, survivor)
                end_store(first)
                with start_store(port) as second:
                    await will_say("unknown_generation", credential, survivor)
                    async with replica(name, second.url) as newcomer:
                        assert await says(newcomer, credential) == "unknown_generation"
                        again = (await newcomer.issue(USER)).credential
                        await will_say("member", again, survivor)


@pytest.mark.parametrize("name", [PUBLISHED, *PUSHED])
async def test_a_login_after_lost_seconds_is_good(
    store: RunningStore, client: Any, name: str
) -> None:
    async with replica(name, store.url) as survivor:
        await survivor.revoke_all()
        client.delete(f"{BASE}epoch", f"{BASE}all:")
        assert await says(survivor, (await survivor.issue(USER)).credential) == "member"


@pytest.mark.parametrize("name", PUSHED)
async def test_what_no_token_can_need_is_forgotten(
    store: RunningStore, client: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    async with replica(name, store.url, **soon(name)) as one:
        await one.revoke_user(USER.user_id)
        await one.set_role(USER.user_id, "auditor")
        assert len(one._view) == 2
        clock.ahead_s = 2_000
        await becomes(lambda: len(one._view) == 0)


async def test_what_is_published_while_nobody_listens_is_lost(
    store: RunningStore, client: Any
) -> None:
    async with replica(PUBLISHED, store.url) as one:
        credential = (await one.issue(USER)).credential
        with client.pipeline() as pipeline:
            pipeline.execute_command("CLIENT", "KILL", "ID", *listening(client))
            put_kick(pipeline, USER.user_id, "channel")
            pipeline.execute()
        await becomes(lambda: one.counters()["lost_connections"] == 1 and bool(listening(client)))
        assert await is_good(one, credential)
        async with replica(PUBLISHED, store.url) as newcomer:
            assert await is_good(newcomer, credential)
            effect = await newcomer.revoke_user(USER.user_id)
            await ends(credential, one, newcomer)
        assert effect == Effect(900.0)


async def test_a_lost_kick_ends_with_the_token(store: RunningStore, client: Any) -> None:
    async with replica(PUBLISHED, store.url, token_ttl_s=2) as one:
        credential = (await one.issue(USER)).credential
        put_kick(client, USER.user_id, "keys")
        assert await ends(credential, one) > 0
        assert (await says(one, credential), applied(one)) == ("expired", 0)


async def test_a_message_that_is_no_change_is_ignored(store: RunningStore, client: Any) -> None:
    async with replica(PUBLISHED, store.url) as one:
        credential = (await one.issue(USER)).credential
        for text in (b"", b"kick 1 x", b"user", b"user x user-000001", b"\xff", b"user 1"):
            client.publish(f"{BASE}channel", text)
        put_kick(client, OTHER.user_id, "channel")
        await becomes(lambda: applied(one) == 1)
        assert await is_good(one, credential)
        put_kick(client, USER.user_id, "channel")
        await ends(credential, one)
        assert one.counters()["lost_connections"] == 0


async def test_a_request_is_one_command(store: RunningStore, client: Any) -> None:
    async with replica(LOOKED_UP, store.url) as one:
        credential = (await one.issue(USER)).credential
        await one.verify(credential)
        client.config_resetstat()
        for _ in range(5):
            await one.verify(credential)
        asked = calls(client)
        assert asked.pop("mget") == 5
        assert not set(asked) - {"config|resetstat", "info"}


@pytest.mark.parametrize("policy", ["refuse", "accept"])
async def test_while_the_store_is_down(store: RunningStore, client: Any, policy: str) -> None:
    with proxied(store.url) as proxy:
        async with (
            replica(LOOKED_UP, store.url) as other,
            replica(LOOKED_UP, proxy.url, deadline_s=0.2, on_store_down=policy) as one,
        ):
            kicked, kept, _ = await three(other)
            await other.revoke_user(USER.user_id)
            await will_say("revoked", kicked, one)
            with proxy.swallowing():
                for credential in (kicked, kept):
                    expected = "unknown" if policy == "refuse" else "member"
                    assert await says(one, credential) == expected
                assert await says(one, kept[:-1]) == "invalid_token"
                for answer in (one.issue(USER), one.revoke_all(), one.ready()):
                    with pytest.raises(StoreUnavailable):
                        await answer
            await will_say("member", kept, one)
            await will_say("revoked", kicked, one)


@pytest.mark.parametrize("end", [kick, kick_all, log_out])
@pytest.mark.parametrize("name", PUSHED)
async def test_a_remembered_token_is_refused_like_any_other(
    store: RunningStore, client: Any, name: str, end: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = signatures_checked(monkeypatch)
    async with replica(name, store.url, verified_cache_entries=10) as one:
        credential = (await one.issue(USER)).credential
        assert await one.verify(credential) == await one.verify(credential)
        assert checked == [credential]
        await end(one, await one.verify(credential))
        assert await says(one, credential) == "revoked"
        assert checked == [credential]
    async with replica(name, store.url) as forgetful:
        assert [await says(forgetful, credential) for _ in range(2)] == ["revoked", "revoked"]
        assert checked == [credential] * 3

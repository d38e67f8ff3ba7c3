"""session_tracking: what it serves from memory, renews, and hears of through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.settings import SettingsError
from servers.strategies.session_tracking import Options, law
from servers.strategy import Effect, Rejected
from tests.servers.opening import (
    USER,
    becomes,
    calls,
    key_of,
    last_accepted_s,
    log_in,
    opened,
)

NAME = "session_tracking"


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    """Of these tests alone: nobody else subscribes there."""
    with start_store() as running_store:
        yield running_store


async def test_a_hit_asks_nobody(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, staleness_s=60.0) as strategy:
        credential = await log_in(strategy)
        client.config_resetstat()
        for _ in range(5):
            assert (await strategy.verify(credential)).sid == credential
        assert not set(calls(client)) - {"config|resetstat", "info"}
        assert strategy.counters()["cache_hits"] == 5


async def test_a_change_is_heard_by_the_other_replica(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as here, opened(NAME, store.url) as there:
        credential = await log_in(there)
        identity = await here.verify(credential)
        heard = there.counters()["invalidations"]
        await here.write_state(identity, {"cart": [1]})
        await becomes(lambda: there.counters()["invalidations"] > heard)
        assert (await there.verify(credential)).state == {"cart": [1]}
        heard = there.counters()["invalidations"]
        assert await here.set_role(USER.user_id, "auditor") == Effect(1.0)
        await becomes(lambda: there.counters()["invalidations"] > heard)
        assert (await there.verify(credential)).role == "auditor"


@pytest.mark.parametrize("how", ["logout", "revoke_user", "revoke_all", "revoke_others", "issue"])
async def test_what_ended_is_heard_by_the_other_replica(
    store: RunningStore, client: Any, how: str
) -> None:
    one_session = how == "issue"
    async with (
        opened(NAME, store.url, staleness_s=60.0, one_session=one_session) as here,
        opened(NAME, store.url, staleness_s=60.0) as there,
    ):
        credential = await log_in(there)
        identity = await here.verify(credential)
        if how == "revoke_others":
            identity = await here.verify((await here.issue(USER)).credential)
        given: dict[str, list[Any]] = {
            "logout": [identity],
            "revoke_user": [USER.user_id],
            "revoke_others": [identity],
            "issue": [USER],
        }
        await getattr(here, how)(*given.get(how, []))
        with pytest.raises(Rejected):
            await here.verify(credential)
        # Long before the law's bound: nothing but the announcement ends it.
        await last_accepted_s(there, credential)


async def test_a_look_up_writes_only_when_renewal_is_due(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, idle_ttl_s=100.0) as strategy:
        credential = (await strategy.issue(USER)).credential
        client.pexpire(key_of(credential), 80_000)
        client.config_resetstat()
        await strategy.verify(credential)
        assert "pexpire" not in calls(client)
        assert client.pttl(key_of(credential)) <= 80_000
        heard = strategy.counters()["invalidations"]
        client.pexpire(key_of(credential), 70_000)
        await becomes(lambda: strategy.counters()["invalidations"] > heard)
        await strategy.verify(credential)
        assert client.pttl(key_of(credential)) > 90_000
        assert strategy.counters()["renewals"] == 1


async def test_a_session_in_use_is_renewed_though_it_is_cached(
    store: RunningStore, client: Any
) -> None:
    async with opened(NAME, store.url, idle_ttl_s=0.3, staleness_s=0.3) as strategy:
        credential = await log_in(strategy)
        async with asyncio.timeout(5):
            while strategy.counters()["renewals"] < 5:
                await strategy.verify(credential)
                await asyncio.sleep(0)
        assert strategy.counters()["cache_hits"] > 100


async def test_an_idle_session_ends(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, idle_ttl_s=0.1, staleness_s=0.1) as strategy:
        credential = await log_in(strategy)
        await becomes(lambda: not client.exists(key_of(credential)))
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_the_absolute_end(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        credential = (await strategy.issue_many([USER], 0.2))[0].credential
        assert await last_accepted_s(strategy, credential) > 0
        with pytest.raises(Rejected, match="expired"):
            await strategy.verify(credential)
        # The key is still there: renewed by its first look-up, refused by its cap.
        assert client.exists(key_of(credential))
        assert strategy.counters()["cache_hits"] > 10


async def test_a_renewal_never_creates(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        credential = await log_in(strategy)
        await strategy.revoke_user(USER.user_id)
        with pytest.raises(Rejected):
            await strategy.verify(credential)
        assert client.keys("t:*") == []


async def test_the_cache_is_bounded(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_entries=2) as strategy:
        first, second, third = [await log_in(strategy) for _ in range(3)]
        before = strategy.counters()
        for credential in (third, second, first):
            await strategy.verify(credential)
        after = strategy.counters()
        assert after["cache_hits"] - before["cache_hits"] == 2
        assert after["cache_misses"] - before["cache_misses"] == 1


async def test_a_credential_of_another_shape_asks_nothing(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        client.config_resetstat()
        for credential in ("", "x", "x" * 25, "x" * 27):
            with pytest.raises(Rejected):
                await strategy.verify(credential)
        assert "evalsha" not in calls(client)


async def test_a_store_that_forbids_tracking_is_refused(
    store: RunningStore, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servers.strategies._follower.START_DEADLINE_S", 0.2)
    client.acl_setuser(
        "limited", enabled=True, nopass=True, keys=["*"], channels=["*"],
        commands=["+@all", "-client|tracking"],
    )  # fmt: skip
    try:
        url = store.url.replace("://", "://limited:x@")
        with pytest.raises(SettingsError, match=r"^--store redis://…@.*: CLIENT TRACKING: "):
            async with opened(NAME, url):
                pass
    finally:
        client.acl_deluser("limited")


async def test_nothing_of_it_is_left(store: RunningStore, client: Any) -> None:
    before = len(asyncio.all_tasks())
    async with opened(NAME, store.url):
        assert len(client.pubsub_channels()) == 1
    assert len(asyncio.all_tasks()) == before
    await becomes(lambda: not client.pubsub_channels())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"staleness_s": 0.0}, "--set staleness_s=0: allowed is at least 0.01"),
        (
            {"staleness_s": 5.0, "idle_ttl_s": 2.0},
            "--set staleness_s=5: allowed is at most idle_ttl_s = 2",
        ),
        ({"cache_entries": 0}, "--set cache_entries=0: allowed is a whole number of at least 1"),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Options(**given)
    assert str(refused.value) == message


def test_the_law_is_the_option() -> None:
    assert law(Options(staleness_s=0.25)).bound_s == 0.25

"""session_nearcache: what it serves from memory, and that nothing outlives `cache_ttl_s`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.strategies.session_nearcache import Options, law
from servers.strategy import Effect, Rejected, StoreUnavailable
from tests.servers.opening import (
    INDEX,
    USER,
    becomes,
    calls,
    happened,
    key_of,
    last_accepted_s,
    later_than,
    log_in,
    opened,
)
from tests.servers.proxy import proxied

NAME = "session_nearcache"


async def test_a_hit_asks_nobody(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=100.0) as strategy:
        credential = await log_in(strategy)
        client.config_resetstat()
        for _ in range(5):
            assert (await strategy.verify(credential)).sid == credential
        assert not set(calls(client)) - {"config|resetstat", "info"}
        assert strategy.counters() == {"cache_hits": 5, "cache_misses": 1}


async def test_hits_never_extend_it(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=0.2) as strategy:
        credential = await log_in(strategy)
        client.delete(key_of(credential))
        acked_s = time.monotonic()
        assert 0 < await last_accepted_s(strategy, credential) <= acked_s + 0.2
        assert strategy.counters()["cache_hits"] > 10


async def test_its_age_counts_from_sending(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, cache_ttl_s=0.2) as strategy:
            credential = (await strategy.issue(USER)).credential
            held = proxy.hold_next(b"GETEX")
            before = asyncio.create_task(strategy.verify(credential))
            await happened(held.replied)
            client.delete(key_of(credential))
            await later_than(time.monotonic() + 0.2)
            held.release()
            assert (await before).sid == credential
            with pytest.raises(Rejected):
                await strategy.verify(credential)


async def test_a_kick_on_two_replicas(store: RunningStore, client: Any) -> None:
    options = {"cache_ttl_s": 0.3}
    async with (
        opened(NAME, store.url, **options) as here,
        opened(NAME, store.url, **options) as there,
    ):
        credential = await log_in(here)
        await there.verify(credential)
        assert await here.revoke_user(USER.user_id) == Effect(0.3)
        acked_s = time.monotonic()
        with pytest.raises(Rejected):
            await here.verify(credential)
        assert 0 < await last_accepted_s(there, credential) <= acked_s + 0.3


async def _kick(strategy: Any) -> None:
    await strategy.revoke_user(USER.user_id)


async def _kick_all(strategy: Any) -> None:
    await strategy.revoke_all()


async def _change_password(strategy: Any) -> None:
    await strategy.revoke_others(await strategy.verify((await strategy.issue(USER)).credential))


async def _log_in_alone(strategy: Any) -> None:
    await strategy.issue(USER)


ENDS = [_kick, _kick_all, _change_password]


@pytest.mark.parametrize("end", [*ENDS, _log_in_alone])
async def test_what_ended_here_is_forgotten_here(
    store: RunningStore, client: Any, end: Callable[[Any], Awaitable[None]]
) -> None:
    one_session = end is _log_in_alone
    async with opened(NAME, store.url, cache_ttl_s=100.0, one_session=one_session) as strategy:
        credential = await log_in(strategy)
        await end(strategy)
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_a_logout_is_forgotten_here(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=100.0) as strategy:
        credential = await log_in(strategy)
        assert await strategy.logout(await strategy.verify(credential)) == Effect(100.0)
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_what_changed_here_is_seen_here(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=100.0) as strategy:
        credential = await log_in(strategy)
        assert await strategy.set_role(USER.user_id, "auditor") == Effect(100.0)
        identity = await strategy.verify(credential)
        assert identity.role == "auditor"
        await strategy.write_state(identity, {"cart": [1]})
        assert (await strategy.verify(credential)).state == {"cart": [1]}


@pytest.mark.parametrize("end", ENDS)
async def test_a_late_reply_does_not_bring_it_back(
    store: RunningStore, client: Any, end: Callable[[Any], Awaitable[None]]
) -> None:
    """The look-up executes, the session ends here, and then the reply would fill the cache."""
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, cache_ttl_s=100.0) as strategy:
            credential = (await strategy.issue(USER)).credential
            held = proxy.hold_next(b"GETEX")
            before = asyncio.create_task(strategy.verify(credential))
            await happened(held.replied)
            await end(strategy)
            held.release()
            assert (await before).sid == credential
            with pytest.raises(Rejected):
                await strategy.verify(credential)


async def test_a_kick_whose_answer_was_lost(store: RunningStore, client: Any) -> None:
    """Asked again, the store would not name the sessions that the first one ended."""
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, cache_ttl_s=100.0) as strategy:
            credential = await log_in(strategy)
            await strategy.revoke_user("somebody else")
            held = proxy.hold_next(INDEX.encode())
            kick = asyncio.create_task(strategy.revoke_user(USER.user_id))
            await happened(held.replied)
            proxy.drop()
            with pytest.raises(StoreUnavailable):
                await kick
            held.release()
            await strategy.revoke_user(USER.user_id)
            with pytest.raises(Rejected):
                await strategy.verify(credential)


async def test_the_absolute_end(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=100.0) as strategy:
        granted_s = time.monotonic()
        credential = (await strategy.issue_many([USER], 0.2))[0].credential
        granted_late_s = time.monotonic()
        accepted_s = await last_accepted_s(strategy, credential)
        # Ends are whole milliseconds.
        assert granted_s + 0.1 < accepted_s <= granted_late_s + 0.201
        assert strategy.counters()["cache_hits"] > 10


async def test_an_idle_session_ends(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=0.1, idle_ttl_s=0.1) as strategy:
        credential = await log_in(strategy)
        looked_up_s = time.monotonic()
        await becomes(lambda: not client.exists(key_of(credential)))
        await later_than(looked_up_s + 0.1)
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_the_cache_is_bounded(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, cache_ttl_s=100.0, cache_entries=2) as strategy:
        first, second, third = [await log_in(strategy) for _ in range(3)]
        for credential in (third, second, first):
            await strategy.verify(credential)
        assert strategy.counters() == {"cache_hits": 2, "cache_misses": 4}


async def test_while_the_store_is_silent(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, deadline_s=0.05, cache_ttl_s=0.4) as strategy:
            unknown = (await strategy.issue(USER)).credential
            credential = await log_in(strategy)
            looked_up_s = time.monotonic()
            with proxy.swallowing():
                with pytest.raises(StoreUnavailable):
                    await strategy.verify(unknown)
                assert (await strategy.verify(credential)).sid == credential
                await later_than(looked_up_s + 0.4)
                with pytest.raises(StoreUnavailable):
                    await strategy.verify(credential)
            assert (await strategy.verify(credential)).sid == credential


async def test_a_credential_of_another_shape_asks_nothing(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        client.config_resetstat()
        for credential in ("", "x", "x" * 25, "x" * 27):
            with pytest.raises(Rejected):
                await strategy.verify(credential)
        assert "getex" not in calls(client)


def test_the_law_is_the_option() -> None:
    assert law(Options(cache_ttl_s=0.25)).bound_s == 0.25

"""session_redis_batched: one round trip for many, and never an answer older than the question."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.strategies._batch import MOST_KEYS
from servers.strategy import Rejected, StoreUnavailable
from servers.users import User
from tests.servers.opening import (
    USER,
    becomes,
    calls,
    happened,
    key_of,
    last_accepted_s,
    opened,
)
from tests.servers.proxy import proxied

NAME = "session_redis_batched"


async def credentials_of(strategy: Any, count: int) -> list[str]:
    users = [User(f"user-{number:06}", "member") for number in range(count)]
    return [grant.credential for grant in await strategy.issue_many(users, None)]


async def warmed(strategy: Any) -> str:
    """A credential; the store knows the script by now, so that a look-up is one round trip."""
    first, second = [(await strategy.issue(USER)).credential for _ in range(2)]
    await strategy.verify(first)
    return str(second)


async def test_look_ups_of_one_turn_are_one_command(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        credentials = await credentials_of(strategy, 20)
        await strategy.verify(credentials[0])
        client.config_resetstat()
        seen = await asyncio.gather(*(strategy.verify(each) for each in credentials * 3))
        assert [identity.sid for identity in seen] == credentials * 3
        counted = calls(client)
        # The same key is asked once.
        assert (counted["evalsha"], counted["getex"]) == (1, 20)
        assert strategy.counters() == {"look_ups": 61, "batches": 2}


async def test_a_batch_is_bounded(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        credentials = await credentials_of(strategy, 2 * MOST_KEYS + 1)
        seen = await asyncio.gather(*(strategy.verify(each) for each in credentials))
        assert [identity.sid for identity in seen] == credentials
        assert strategy.counters()["batches"] == 3


async def test_good_and_bad_share_a_batch(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        good = (await strategy.issue(USER)).credential
        bad = good[:-1] + ("A" if good[-1] != "A" else "B")
        asked = (strategy.verify(each) for each in (bad, good, "x"))
        seen = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each).__name__ for each in seen] == ["Rejected", "Identity", "Rejected"]
        assert strategy.counters() == {"look_ups": 2, "batches": 1}


async def test_nobody_joins_a_batch_in_flight(store: RunningStore, client: Any) -> None:
    """The look-up has executed, the session ends, and only then its reply arrives."""
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url) as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            before = asyncio.create_task(strategy.verify(credential))
            await happened(held.replied)
            client.delete(key_of(credential))
            with pytest.raises(Rejected):
                await strategy.verify(credential)
            assert not before.done()
            held.release()
            assert (await before).sid == credential


async def test_while_no_connection_is_free_requests_gather(
    store: RunningStore, client: Any
) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, "--store-connections", "1") as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            tasks = [asyncio.create_task(strategy.verify(credential))]
            await happened(held.replied)
            for _ in range(5):
                tasks.append(asyncio.create_task(strategy.verify(credential)))
                await asyncio.sleep(0)
            client.delete(key_of(credential))
            held.release()
            seen = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(each).__name__ for each in seen] == ["Identity"] + ["Rejected"] * 5
            assert strategy.counters()["batches"] == 3


async def test_whoever_is_cancelled_leaves_alone(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url) as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            tasks = [asyncio.create_task(strategy.verify(credential)) for _ in range(3)]
            await happened(held.replied)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            held.release()
            seen = await asyncio.gather(*tasks[1:])
            assert [identity.sid for identity in seen] == [credential] * 2
            assert tasks[0].cancelled()


async def test_a_store_that_is_silent_fails_everybody_in_time(
    store: RunningStore, client: Any
) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, deadline_s=0.1) as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            asked = (strategy.verify(credential) for _ in range(3))
            seen = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
            assert [type(each) for each in seen] == [StoreUnavailable] * 3
            held.release()
            # The late reply reaches nobody.
            assert (await strategy.verify(credential)).sid == credential


async def test_a_store_that_is_gone_fails_everybody(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url) as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            tasks = [asyncio.create_task(strategy.verify(credential)) for _ in range(3)]
            await happened(held.replied)
            proxy.drop()
            seen = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(each) for each in seen] == [StoreUnavailable] * 3
            held.release()
            assert (await strategy.verify(credential)).sid == credential


async def test_closing_leaves_nobody_waiting(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url) as strategy:
            credential = await warmed(strategy)
            held = proxy.hold_next(credential[4:].encode())
            waiting = asyncio.create_task(strategy.verify(credential))
            await happened(held.replied)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_store_that_forgot_its_scripts(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url) as strategy:
        credential = await warmed(strategy)
        client.script_flush()
        assert (await strategy.verify(credential)).sid == credential


async def test_a_look_up_renews_the_idle_life(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, idle_ttl_s=100.0) as strategy:
        credential = (await strategy.issue(USER)).credential
        client.pexpire(key_of(credential), 5_000)
        await strategy.verify(credential)
        assert client.pttl(key_of(credential)) > 90_000


async def test_an_idle_session_ends(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, idle_ttl_s=0.05) as strategy:
        credential = (await strategy.issue(USER)).credential
        await becomes(lambda: not client.exists(key_of(credential)))
        with pytest.raises(Rejected):
            await strategy.verify(credential)


async def test_the_absolute_cap_is_not_renewed(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, absolute_ttl_s=0.1) as strategy:
        credential = (await strategy.issue(USER)).credential
        assert await last_accepted_s(strategy, credential) > 0
        with pytest.raises(Rejected, match="expired"):
            await strategy.verify(credential)

"""Client tracking when it is late, cut off or silent: no session outlives `staleness_s`."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.flags import parse_settings
from servers.settings import Settings
from servers.strategies._follower import following
from servers.strategies._tracking import Tracking
from servers.strategy import Rejected, StoreUnavailable
from tests.servers.opening import (
    USER,
    becomes,
    happened,
    key_of,
    last_accepted_s,
    later_than,
    log_in,
    opened,
)
from tests.servers.proxy import Proxy, proxied

NAME = "session_tracking"
# Nothing but the tracking connection sends it.
PING = b"PING"


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    """Of these tests alone: nobody else subscribes there."""
    with start_store() as running_store:
        yield running_store


def counter(strategy: Any, name: str) -> int:
    return int(strategy.counters()[name])


def tracking_id(client: Any) -> int:
    """The id of the one connection that is subscribed."""
    [found] = [each for each in client.client_list() if int(each["sub"]) > 0]
    return int(found["id"])


async def proven_since(strategy: Any, moment_s: float) -> None:
    """Returns when a connection made since then is known to work."""
    await becomes(lambda: strategy.tracking.proof_s > moment_s)


async def overtaken(
    proxy: Proxy, strategy: Any, overtake: Callable[[str], None], counted: str
) -> str:
    """A credential whose look-up is answered only after `overtake` ended the session and the
    strategy counted it as `counted`."""
    await log_in(strategy)
    credential: str = (await strategy.issue(USER)).credential
    await becomes(lambda: counter(strategy, "invalidations") == 2)
    held = proxy.hold_next(credential[4:].encode())
    before = asyncio.create_task(strategy.verify(credential))
    await happened(held.replied)
    so_far = counter(strategy, counted)
    overtake(credential)
    await becomes(lambda: counter(strategy, counted) > so_far)
    await becomes(lambda: strategy.tracking.proof_s > 0)
    held.release()
    assert (await before).sid == credential
    return credential


@pytest.mark.parametrize("how", ["invalidated", "flushed", "reconnected"])
async def test_a_late_reply_fills_nothing(store: RunningStore, client: Any, how: str) -> None:
    """The look-up executes, the session ends, that is heard of, and only then it is answered."""

    def invalidated(credential: str) -> None:
        client.delete(key_of(credential))

    def flushed(_: str) -> None:
        client.flushall()

    def reconnected(credential: str) -> None:
        with client.pipeline() as pipeline:
            pipeline.execute_command("CLIENT", "KILL", "ID", tracking_id(client))
            pipeline.delete(key_of(credential)).execute()

    overtake, counted = {
        "invalidated": (invalidated, "invalidations"),
        "flushed": (flushed, "flushes"),
        "reconnected": (reconnected, "lost_connections"),
    }[how]
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, staleness_s=60.0) as strategy:
            credential = await overtaken(proxy, strategy, overtake, counted)
            with pytest.raises(Rejected):
                await strategy.verify(credential)


async def test_what_ended_while_nobody_listened(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, staleness_s=60.0) as strategy:
        credential, other = await log_in(strategy), await log_in(strategy)
        with client.pipeline() as pipeline:
            pipeline.execute_command("CLIENT", "KILL", "ID", tracking_id(client))
            pipeline.delete(key_of(credential)).execute()
        await becomes(lambda: counter(strategy, "lost_connections") == 1)
        await becomes(lambda: strategy.tracking.proof_s > 0)
        with pytest.raises(Rejected):
            await strategy.verify(credential)
        # And it remembers again, and hears again.
        await strategy.verify(other)
        hits = counter(strategy, "cache_hits")
        await strategy.verify(other)
        assert counter(strategy, "cache_hits") == hits + 1
        client.delete(key_of(other))
        await last_accepted_s(strategy, other)


async def test_a_flush_is_heard(store: RunningStore, client: Any) -> None:
    async with opened(NAME, store.url, staleness_s=60.0) as strategy:
        credential = await log_in(strategy)
        client.flushall()
        await last_accepted_s(strategy, credential)
        assert counter(strategy, "flushes") == 1


async def test_a_silent_connection_holds_the_law(store: RunningStore, client: Any) -> None:
    """Its socket lives, but nothing comes: the proof ages, and then it counts as lost."""
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, staleness_s=0.4) as strategy:
            credential, other = await log_in(strategy), await log_in(strategy)
            held = proxy.hold_next(PING)
            await happened(held.replied)
            client.delete(key_of(credential))
            acked_s = time.monotonic()
            assert 0 < await last_accepted_s(strategy, credential) <= acked_s + 0.4
            # The store is there: it is asked, and nothing is kept.
            misses = counter(strategy, "cache_misses")
            await strategy.verify(other)
            await strategy.verify(other)
            assert counter(strategy, "cache_misses") == misses + 2
            await becomes(lambda: counter(strategy, "lost_connections") == 1)
            await becomes(lambda: strategy.tracking.proof_s > 0)
            await strategy.verify(other)
            hits = counter(strategy, "cache_hits")
            await strategy.verify(other)
            assert counter(strategy, "cache_hits") == hits + 1


async def test_here_it_ends_at_once_though_nothing_is_heard(
    store: RunningStore, client: Any
) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, staleness_s=2.0) as strategy:
            credential = await log_in(strategy)
            held = proxy.hold_next(PING)
            await happened(held.replied)
            await strategy.revoke_user(USER.user_id)
            with pytest.raises(Rejected):
                await strategy.verify(credential)


async def test_while_the_store_is_silent(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, deadline_s=0.1, staleness_s=0.4) as strategy:
            credential = await log_in(strategy)
            with proxy.swallowing():
                began_s = time.monotonic()
                assert (await strategy.verify(credential)).sid == credential
                await later_than(began_s + 0.4)
                with pytest.raises(StoreUnavailable):
                    await strategy.verify(credential)
            await proven_since(strategy, began_s + 0.4)
            assert (await strategy.verify(credential)).sid == credential


async def test_a_proof_is_as_old_as_its_question(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        held = proxy.hold_next(PING)
        opening = opened(NAME, proxy.url, staleness_s=60.0)
        entering = asyncio.create_task(opening.__aenter__())
        await happened(held.replied)
        replied_s = time.monotonic()
        await later_than(replied_s + 0.05)
        held.release()
        strategy = await entering
        assert strategy.tracking.proof_s <= replied_s
        await opening.__aexit__(None, None, None)


async def test_what_nobody_understands_is_taken_for_a_flush(
    store: RunningStore, client: Any
) -> None:
    async with opened(NAME, store.url, staleness_s=60.0) as strategy:
        credential = await log_in(strategy)
        client.publish("__redis__:invalidate", "t:session:")
        await becomes(lambda: counter(strategy, "flushes") == 1)
        for key in ("t:session:", "t:session:{", "t:session:é", "t:session:" + "x" * 300):
            client.set(key, "not a session")
        client.delete(key_of(credential))
        await last_accepted_s(strategy, credential)
        assert counter(strategy, "lost_connections") == 0


async def test_a_store_that_comes_and_goes(store: RunningStore, client: Any) -> None:
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url) as strategy:
            credential = await log_in(strategy)
            for _ in range(3):
                dropped_s = time.monotonic()
                proxy.drop()
                await proven_since(strategy, dropped_s)
                assert (await strategy.verify(credential)).sid == credential


async def test_nothing_is_kept_while_nobody_listens(store: RunningStore, client: Any) -> None:
    """Looked up and ended before the new connection is subscribed, so never announced."""
    with proxied(store.url) as proxy:
        async with opened(NAME, proxy.url, staleness_s=60.0) as strategy:
            credential = await log_in(strategy)
            held = proxy.hold_next(b"TRACKING")
            client.client_kill_filter(_id=tracking_id(client))
            await happened(held.replied)
            await strategy.verify(credential)
            client.delete(key_of(credential))
            released_s = time.monotonic()
            held.release()
            await proven_since(strategy, released_s)
            with pytest.raises(Rejected):
                await strategy.verify(credential)


class Stubborn(Tracking):
    """Loses its connection in the moment in which it is cancelled for the first time."""

    def __init__(self) -> None:
        self.was_lost = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_lost = True
        await asyncio.Event().wait()

    async def has_started(self, settings: Settings, by: str) -> None:
        await asyncio.sleep(0)


async def test_it_ends_though_a_cancellation_is_swallowed(store: RunningStore) -> None:
    settings = parse_settings(["--strategy", NAME, "--store", store.url], {}, lambda: [NAME])
    tracking = Stubborn()
    async with asyncio.timeout(5):
        async with following(tracking, settings, by="CLIENT TRACKING"):
            pass
    assert tracking.was_lost


def test_a_subscribed_connection_cannot_turn_tracking_off(store: RunningStore) -> None:
    """So a PONG on it proves that tracking is on."""
    address = urlsplit(store.url)
    with closing(socket.create_connection((address.hostname, address.port), 5)) as connection:

        def ask(command: str) -> bytes:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4_096)

        own_id = int(ask("CLIENT ID")[1:])
        assert ask(f"CLIENT TRACKING ON REDIRECT {own_id} BCAST PREFIX x") == b"+OK\r\n"
        assert ask("SUBSCRIBE __redis__:invalidate").startswith(b"*3\r\n$9\r\nsubscribe")
        assert ask("CLIENT TRACKING OFF").startswith(b"-ERR")
        assert ask("PING").startswith(b"*2\r\n$4\r\npong")

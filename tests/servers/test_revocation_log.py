"""The log's reader when it is late, cut off, silent or begins anew: no kick is missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.strategies import _pushed_tokens, _revocation_log
from servers.strategy import StoreUnavailable
from tests.servers.opening import becomes, happened, later_than
from tests.servers.proxy import proxied
from tests.servers.revoking import (
    LOG,
    OTHER,
    PUSHED,
    SHORT_S,
    THIRD,
    USER,
    applied,
    ends,
    last_served_s,
    position_of,
    proven_since,
    put_cut,
    put_kick,
    reading_held,
    reloads,
    replica,
    says,
    three,
    wait_held,
    will_say,
)

FAR = 10**14


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    """Of these tests alone: they empty it and cut every connection."""
    with start_store() as running_store:
        yield running_store


@pytest.fixture(params=PUSHED)
def name(request: pytest.FixtureRequest, client: Any) -> str:
    strategy: str = request.param
    return strategy


def rewrite(pipeline: Any, *entries: tuple[int, str]) -> None:
    """Another log of the same name: when, and what was changed."""
    pipeline.delete(LOG)
    for number, (made_ms, change) in enumerate(entries):
        pipeline.xadd(LOG, {"change": change}, id=f"{made_ms}-{number}")


async def test_nothing_is_served_before_the_log_is_read(
    store: RunningStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pushed_tokens, "START_DEADLINE_S", 0.05)
    with proxied(store.url) as proxy:
        async with replica(name, store.url) as one:
            kicked, kept, _ = await three(one)
            await one.revoke_user(USER.user_id)
            held = proxy.hold_next(b"XREAD")
            async with replica(name, proxy.url) as late:
                await happened(held.replied)
                for credential in (kicked, kept):
                    with pytest.raises(StoreUnavailable):
                        await late.verify(credential)
                with pytest.raises(StoreUnavailable):
                    await late.ready()
                held.release()
                await will_say("member", kept, late)
                await late.ready()
                assert await says(late, kicked) == "revoked"


@pytest.mark.parametrize("entries", [6, 7])
async def test_a_log_of_several_replies_is_read_to_its_end(
    store: RunningStore, name: str, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    monkeypatch.setattr(_pushed_tokens, "START_DEADLINE_S", 0.05)
    monkeypatch.setattr(_revocation_log, "_MOST_ENTRIES", 3)
    with proxied(store.url) as proxy:
        async with replica(name, store.url) as one:
            kicked, kept, _ = await three(one)
            for number in range(1, entries):
                await one.revoke_user(f"user-{number}")
            await one.revoke_user(USER.user_id)
            first, last = proxy.hold_next(b"XREAD"), None
            async with replica(name, proxy.url) as late:
                for known in (0, 3, 6):
                    held = last or first
                    await happened(held.replied)
                    assert (applied(late), await says(late, kept)) == (known, "unknown")
                    last = proxy.hold_next(b"XREAD")
                    held.release()
                await will_say("member", kept, late)
                assert applied(late) == entries
                assert await says(late, kicked) == "revoked"


async def test_a_silent_log_holds_the_law_and_comes_back(store: RunningStore, name: str) -> None:
    with proxied(store.url) as proxy:
        async with (
            replica(name, store.url) as other,
            replica(name, proxy.url, deadline_s=0.2, staleness_s=SHORT_S) as one,
        ):
            kicked, kept, _ = await three(other)
            await will_say("member", kicked, one)
            with proxy.swallowing():
                await other.revoke_user(USER.user_id)
                acked_s = time.monotonic()
                assert await last_served_s(one, kicked) <= acked_s + SHORT_S
                for credential in (kicked, kept):
                    with pytest.raises(StoreUnavailable):
                        await one.verify(credential)
                with pytest.raises(StoreUnavailable):
                    await one.ready()
            await proven_since(one, acked_s + SHORT_S)
            await will_say("revoked", kicked, one)
            await will_say("member", kept, one)


@pytest.mark.parametrize("is_another", [False, True], ids=["same-process", "another-process"])
async def test_what_happened_while_it_was_cut_off(
    store: RunningStore,
    client: Any,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    is_another: bool,
) -> None:
    """It goes on where it was, or reads from the start; what it knew it knows."""
    run_id = [b"1"]

    async def told(_: Any) -> bytes:
        return run_id[0]

    monkeypatch.setattr(_revocation_log, "_run_id", told)
    async with replica(name, store.url) as one:
        known, early, late = await three(one)
        await one.revoke_user(USER.user_id)
        made_ms, _ = position_of(client)
        await becomes(lambda: applied(one) == 2)
        # An entry of the same millisecond could get the id of the position again.
        await becomes(lambda: time.time() * 1_000 > made_ms + 1)
        before, run_id[0] = reloads(one), b"2" if is_another else b"1"
        with client.pipeline() as pipeline:
            put_cut(pipeline)
            # Below its position, so that only reading from the start finds it.
            rewrite(pipeline, (made_ms - 60_000, f"user {FAR} {OTHER.user_id}"))
            put_kick(pipeline, THIRD.user_id)
            pipeline.execute()
        await ends(late, one)
        assert one.counters()["lost_connections"] == 1
        assert await says(one, known) == "revoked"
        assert await says(one, early) == ("revoked" if is_another else "member")
        assert reloads(one) == before + is_another
        assert applied(one) == 2 + (2 if is_another else 1)


async def test_connections_that_break_again_and_again(store: RunningStore, name: str) -> None:
    with proxied(store.url) as proxy:
        async with replica(name, store.url) as other, replica(name, proxy.url) as one:
            before = reloads(one)
            for _ in range(3):
                credential = (await other.issue(USER)).credential
                await will_say("member", credential, one)
                proxy.drop()
                await other.revoke_user(USER.user_id)
                await ends(credential, one)
            assert (reloads(one), applied(one)) == (before, 3)


@pytest.mark.parametrize("is_empty", [False, True], ids=["rewritten", "deleted"])
async def test_a_log_that_went_back_is_read_from_its_start(
    store: RunningStore, client: Any, name: str, is_empty: bool
) -> None:
    async with replica(name, store.url, staleness_s=SHORT_S) as one:
        known, early, kept = await three(one)
        await one.revoke_user(USER.user_id)
        await becomes(lambda: applied(one) == 2)
        made_ms, _ = position_of(client)
        before = reloads(one)
        with client.pipeline() as pipeline:
            low = [] if is_empty else [(made_ms - 60_000, f"user {FAR} {OTHER.user_id}")]
            rewrite(pipeline, *low)
            pipeline.execute()
        await will_say("member" if is_empty else "revoked", early, one)
        await becomes(lambda: reloads(one) > before)
        await will_say("revoked", known, one)
        await will_say("member", kept, one)
        # And follows on from there.
        with client.pipeline() as pipeline:
            rewrite(pipeline, *low, (made_ms - 50_000, f"user {FAR} {THIRD.user_id}"))
            pipeline.execute()
        await will_say("revoked", kept, one)
        assert reloads(one) == before + 1


@pytest.mark.usefixtures("granted_long_ago")
async def test_a_kick_that_comes_before_the_news_of_another_store(
    store: RunningStore, client: Any, name: str
) -> None:
    """It is read, forgotten with all that the other store knew, and read again."""
    with proxied(store.url) as proxy:
        async with replica(name, proxy.url, on_store_loss="accept") as one:
            kicked, kept, _ = await three(one)
            await becomes(lambda: client.info("clients")["blocked_clients"] == 1)
            with client.pipeline() as pipeline:
                pipeline.flushall()
                put_kick(pipeline, USER.user_id)
                held, _ = await asyncio.gather(
                    reading_held(proxy), asyncio.to_thread(pipeline.execute)
                )
            assert (applied(one), len(one._view)) == (1, 0)
            assert (await says(one, kicked), await says(one, kept)) == ("unknown", "unknown")
            held.release()
            await will_say("revoked", kicked, one)
            await will_say("member", kept, one)


@pytest.mark.parametrize(
    "fields",
    [{"change": "kick 1 x"}, {"change": ""}, {"change": "user"}, {"a": "user 1 x", "b": "c"}],
    ids=["kind", "empty", "short", "fields"],
)
async def test_an_entry_that_is_no_change_is_never_passed_over(
    store: RunningStore, client: Any, fields: dict[str, str]
) -> None:
    """Whoever wrote it may have meant a kick."""
    with suppress(ValueError):
        async with replica(PUSHED[0], store.url, staleness_s=SHORT_S) as one:
            credential = (await one.issue(USER)).credential
            await will_say("member", credential, one)
            client.xadd(LOG, fields)
            written_s = time.monotonic()
            assert await last_served_s(one, credential) <= written_s + SHORT_S
            with pytest.raises(StoreUnavailable):
                await one.ready()


async def test_it_reads_on_when_such_an_entry_is_gone(store: RunningStore, client: Any) -> None:
    async with replica(PUSHED[0], store.url, staleness_s=SHORT_S) as one:
        credential = (await one.issue(USER)).credential
        client.xadd(LOG, {"change": "kick 1 x"})
        await will_say("unknown", credential, one)
        client.delete(LOG)
        await will_say("member", credential, one)


async def test_a_proof_is_as_old_as_its_question(
    store: RunningStore, client: Any, name: str
) -> None:
    with proxied(store.url) as proxy:
        async with replica(name, store.url) as other, replica(name, proxy.url) as one:
            kicked, kept, _ = await three(other)
            held = await wait_held(client, proxy, other)
            seen_s, known = time.monotonic(), applied(one)
            await later_than(seen_s + 0.05)
            await other.revoke_user(USER.user_id)
            await happened(held.replied)
            # Asked before the kick: good, as the law allows.
            assert await says(one, kicked) == "member"
            held.release()
            await becomes(lambda: applied(one) > known)
            assert 0 < one.log.proof_s <= seen_s
            assert (await says(one, kicked), await says(one, kept)) == ("revoked", "member")


async def test_a_wait_in_vain_proves_no_more_than_it_lasted(store: RunningStore, name: str) -> None:
    with proxied(store.url) as proxy:
        async with replica(name, proxy.url, staleness_s=SHORT_S) as one:
            held = await reading_held(proxy)
            seen_s = time.monotonic()
            following = proxy.hold_next(b"XREAD")
            await happened(held.replied)
            await later_than(seen_s + SHORT_S)
            before_s = one.log.proof_s
            held.release()
            await happened(following.seen)
            assert before_s < one.log.proof_s <= seen_s + SHORT_S / 4

"""The register of revocations in a real store: what its scripts decide, and how long keys stay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.strategies._revocation_scripts import Medium
from servers.strategies._revocation_view import SKEW_MARGIN_S, Change, Memory
from servers.strategies._revocations import LookedUp, Revocations
from servers.strategy import Identity, Rejected
from servers.users import User
from tests.servers.opening import becomes, happened
from tests.servers.proxy import proxied
from tests.servers.refreshing import claims
from tests.servers.revoking import (
    ALL,
    BASE,
    OTHER,
    USER,
    Ending,
    ends,
    is_good,
    kick,
    kick_all,
    log_out,
    register,
    replica,
)

FAR = 10**14
MEDIA: list[Medium] = ["keys", "channel", "log"]
LEEWAY_S = 30.0
KEPT = Memory(token_ttl_s=100, clock_leeway_s=LEEWAY_S)
# Of the token itself, and of its clocks.
KEPT_MS = round((100 + 2 * LEEWAY_S + SKEW_MARGIN_S) * 1_000)


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    """Of these tests alone: they empty and reconfigure it."""
    with start_store() as running_store:
        yield running_store


def clock_ms(client: Any) -> int:
    seconds, micros = client.time()
    return int(seconds * 1_000 + micros // 1_000)


def logged(client: Any) -> list[str]:
    return [fields["change"] for _, fields in client.xrange(f"{BASE}log")]


async def epochs(revocations: Revocations, *users: User) -> list[int]:
    return [each.epoch for each in await revocations.log_in([user.user_id for user in users])]


async def test_a_login_begins_where_the_register_stands(store: RunningStore, client: Any) -> None:
    async with register(store.url) as one, register(store.url) as other:
        (first,) = await one.log_in([USER.user_id])
        assert (first.epoch, first.role) == (int(client.get(f"{BASE}epoch") or 0), None)
        assert first.generation == client.get(f"{BASE}generation")
        kicked = await one.bump_user(USER.user_id)
        await one.set_role(OTHER.user_id, "auditor")
        mine, others = await other.log_in([USER.user_id, OTHER.user_id])
        # The counter is everybody's: whoever logs in after a kick is beyond it.
        assert mine.epoch == others.epoch == int(client.get(f"{BASE}epoch")) > kicked.number
        assert (mine.role, others.role) == (None, "auditor")
        assert first.generation == mine.generation == others.generation


async def test_the_counter_never_goes_back(store: RunningStore, client: Any) -> None:
    """The store's clock is behind what was given out."""
    async with register(store.url) as one:
        client.set(f"{BASE}epoch", FAR)
        given = [await one.bump_user(USER.user_id), await one.bump_all(), await one.bump_user("x")]
        given.append(await one.set_role(USER.user_id, "auditor"))
        assert [change.number for change in given] == [FAR + 1, FAR + 2, FAR + 3, FAR + 4]
        assert await epochs(one, USER) == [FAR + 4]


async def test_the_counter_jumps_beyond_what_was_lost(store: RunningStore, client: Any) -> None:
    """The store came back without its last seconds."""
    async with register(store.url) as one:
        client.set(f"{BASE}epoch", clock_ms(client) - 2_000)
        began_ms = clock_ms(client)
        lost = (await one.bump_user(USER.user_id)).number
        client.set(f"{BASE}epoch", began_ms - 2_000)
        await becomes(lambda: clock_ms(client) > lost)
        assert began_ms <= lost < (await one.bump_user(USER.user_id)).number


@pytest.mark.parametrize("medium", MEDIA)
async def test_logins_of_one_session_each_get_a_higher_epoch(
    store: RunningStore, client: Any, medium: Medium
) -> None:
    async with (
        register(store.url, medium, one_session=True) as one,
        register(store.url, medium, one_session=True) as other,
    ):
        each = await asyncio.gather(
            *((one, other)[n % 2].log_in([USER.user_id]) for n in range(50))
        )
        given = sorted(standing.epoch for (standing,) in each)
        assert len(set(given)) == 50
        assert int(client.get(f"{BASE}epoch")) == given[-1]
        assert (await other.look_up(USER.user_id, "s1")).least_epoch == given[-1]
        if medium == "log":
            assert logged(client) == [f"user {epoch} {USER.user_id}" for epoch in given]


@pytest.mark.parametrize("name", ALL)
async def test_of_50_logins_at_once_one_session_leaves_one(
    store: RunningStore, client: Any, name: str
) -> None:
    async with (
        replica(name, store.url, deadline_s=20, one_session=True) as one,
        replica(name, store.url, deadline_s=20, one_session=True) as other,
    ):
        kept = await one.issue(OTHER)
        grants = await asyncio.gather(*((one, other)[n % 2].issue(USER) for n in range(50)))
        *ended, last = sorted(grants, key=lambda grant: int(claims(grant)["epoch"]))
        for grant in ended:
            await ends(grant.credential, one, other)
        for strategy in (one, other):
            assert await is_good(strategy, last.credential)
            assert await is_good(strategy, kept.credential)


@pytest.mark.parametrize("end", [kick, kick_all])
@pytest.mark.parametrize("name", ALL)
async def test_a_login_answered_after_a_kick_is_out(
    store: RunningStore, client: Any, name: str, end: Ending
) -> None:
    with proxied(store.url) as proxy:
        async with replica(name, proxy.url) as one, replica(name, store.url) as other:
            # The script is there now, so that it is executed when it is sent.
            identity = await other.verify((await other.issue(USER)).credential)
            held = proxy.hold_next(b"EVALSHA")
            answer = asyncio.ensure_future(one.issue(USER))
            await happened(held.replied)
            await end(other, identity)
            held.release()
            await ends((await answer).credential, one, other)
            again = await one.issue(USER)
            assert await is_good(one, again.credential)
            assert await is_good(other, again.credential)


@pytest.mark.parametrize("end", [kick, kick_all, log_out])
@pytest.mark.parametrize("name", ALL)
async def test_a_change_of_password_after_a_kick_gets_no_good_token(
    store: RunningStore, client: Any, name: str, end: Ending
) -> None:
    """The login was verified, then kicked elsewhere, and only then its password is changed."""
    async with replica(name, store.url) as one, replica(name, store.url) as other:
        grant = await one.issue(USER)
        identity = await one.verify(grant.credential)
        await end(other, identity)
        before = client.get(f"{BASE}epoch")
        if end is log_out and name != "jwt_epoch":
            # The new token is of the login that is denied.
            _, again = await one.revoke_others(identity)
            await ends(again.credential, one, other)
        else:
            with pytest.raises(Rejected, match="revoked"):
                await one.revoke_others(identity)
            assert client.get(f"{BASE}epoch") == before
        await ends(grant.credential, one, other)


@pytest.mark.parametrize("name", ALL)
async def test_of_two_changes_of_password_at_once_one_is_made(
    store: RunningStore, client: Any, name: str
) -> None:
    async with replica(name, store.url) as one, replica(name, store.url) as other:
        identities = [await one.verify((await one.issue(USER)).credential) for _ in range(2)]
        answers = await asyncio.gather(
            one.revoke_others(identities[0]),
            other.revoke_others(identities[1]),
            return_exceptions=True,
        )
        (lost,) = [answer for answer in answers if isinstance(answer, BaseException)]
        (won,) = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert isinstance(lost, Rejected)
        assert await is_good(one, won[1].credential)
        assert await is_good(other, won[1].credential)


@pytest.mark.parametrize("medium", MEDIA)
async def test_what_is_kept_ends_when_no_token_is_left(
    store: RunningStore, client: Any, medium: Medium
) -> None:
    async with register(store.url, medium, KEPT) as one:
        exp_s = int(time.time()) + 50
        await one.log_in([USER.user_id])
        await one.bump_user(USER.user_id)
        await one.bump_all()
        await one.set_role(USER.user_id, "auditor")
        await one.deny_login("s1", exp_s)
    of_login = {f"{BASE}login:s1"} if medium == "keys" else set()
    of_log = {f"{BASE}log"} if medium == "log" else set()
    lasting = {f"{BASE}{name}" for name in ("epoch", "generation", f"role:{USER.user_id}")} | of_log
    ending = {f"{BASE}all:", f"{BASE}user:{USER.user_id}"} | of_login
    assert set(client.keys()) == lasting | ending
    assert {client.pttl(key) for key in lasting} == {-1}
    for key in ending - of_login:
        assert KEPT_MS - 5_000 < client.pttl(key) <= KEPT_MS
    for key in of_login:
        ends_s = time.time() + client.pttl(key) / 1_000
        assert ends_s == pytest.approx(exp_s + 2 * LEEWAY_S + SKEW_MARGIN_S, abs=0.5)


@pytest.mark.parametrize("name", ["jwt_denylist_redis", "jwt_denylist_push"])
async def test_a_denial_outlives_the_token(store: RunningStore, client: Any, name: str) -> None:
    async with replica(name, store.url, clock_leeway_s=LEEWAY_S) as one:
        (grant,) = await one.issue_many([USER], 100)
        await one.logout(await one.verify(grant.credential))
    exp_s = claims(grant)["exp"]
    if name == "jwt_denylist_redis":
        ends_s = time.time() + client.pttl(f"{BASE}login:{grant.sid}") / 1_000
        assert ends_s == pytest.approx(exp_s + 2 * LEEWAY_S + SKEW_MARGIN_S, abs=0.5)
    else:
        assert logged(client) == [f"login {exp_s} {grant.sid}"]


async def test_an_epoch_for_one_user_leaves_longer_ones(store: RunningStore, client: Any) -> None:
    """A later kick is remembered anew, and for its whole time."""
    async with register(store.url, "keys", KEPT) as one:
        await one.bump_user(USER.user_id)
        client.pexpire(f"{BASE}user:{USER.user_id}", 1_000)
        second = await one.bump_user(USER.user_id)
        assert client.pttl(f"{BASE}user:{USER.user_id}") > KEPT_MS - 5_000
        known = await one.look_up(USER.user_id, "s1")
        assert known == LookedUp(client.get(f"{BASE}generation"), False, second.number, None)


async def test_the_log_is_trimmed_by_age(store: RunningStore, client: Any) -> None:
    # Whole nodes are trimmed only.
    client.config_set("stream-node-max-entries", 1)
    now_ms = clock_ms(client)
    for age_ms in (KEPT_MS + 60_000, KEPT_MS + 30_000, KEPT_MS - 30_000, KEPT_MS - 60_000):
        client.xadd(f"{BASE}log", {"change": f"user 1 {age_ms}"}, id=f"{now_ms - age_ms}-0")
    async with register(store.url, "log", KEPT) as one:
        made = [await one.bump_user(f"user-{number}") for number in range(200)]
    young = [f"user 1 {KEPT_MS - 30_000}", f"user 1 {KEPT_MS - 60_000}"]
    assert logged(client) == young + [" ".join(map(str, change)) for change in made]


@pytest.mark.parametrize("medium", MEDIA)
async def test_an_emptied_store_is_another_one_each_time(
    store: RunningStore, client: Any, medium: Medium
) -> None:
    async with register(store.url, medium) as one, register(store.url, medium) as other:
        seen: list[str] = []
        for _ in range(3):
            generations = {(await each.log_in(["x"]))[0].generation for each in (one, other)}
            await one.bump_all()
            generations |= {(await each.log_in(["x"]))[0].generation for each in (one, other)}
            seen += generations
            client.flushall()
        # One by each store, and never twice.
        assert len(seen) == len(set(seen)) == 3


async def test_a_login_of_a_lost_store_counts_as_old(store: RunningStore, client: Any) -> None:
    login = Identity(USER.user_id, "member", "s1", {}, {"epoch": FAR, "gen": "lost"})
    async with register(store.url) as one:
        with pytest.raises(Rejected):
            await one.bump_others(login, foreign_epoch=-1)
        await one.bump_others(login, foreign_epoch=0)
        with pytest.raises(Rejected):
            await one.bump_others(login, foreign_epoch=0)


async def test_what_is_announced_is_what_is_answered(store: RunningStore, client: Any) -> None:
    async with register(store.url) as one:
        made = [
            await one.bump_user("an n"),
            await one.bump_all(),
            await one.set_role("änn", "auditor"),
            await one.deny_login("s1", 1_900_000_000),
        ]
    assert [Change.parse(text.encode()) for text in logged(client)] == made

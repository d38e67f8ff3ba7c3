"""Replicas whose clocks differ: `clock_leeway_s` is forgiven, either way, and nothing beyond it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.strategy import Rejected, Strategy, available
from servers.users import User
from tests.servers.forging import Forge, forge
from tests.servers.in_process import opened
from tests.servers.variants import having

USER = User("user-000007", "member")
LEEWAY_S = 30
# Of a second that passes between signing and reading.
MARGIN_S = 2
TOKENS = having("clock_leeway_s")
# They know single logins that ended, and another replica can learn of them later.
DENYLISTS = [name for name in available() if name.startswith("jwt_denylist")]
WITHOUT_CATCH_UP = {"jwt_denylist_pubsub"}


def flags(store: RunningStore, name: str, leeway_s: float = LEEWAY_S) -> list[str]:
    leeway = ("--set", f"clock_leeway_s={leeway_s}")
    return ["--store", store.url, "--key-prefix", f"skew:{name}:", *leeway]


async def granted(replica: Strategy, name: str, replica_flags: list[str]) -> Forge:
    return forge(name, (await replica.issue(USER)).credential, *replica_flags)


async def is_accepted(replica: Strategy, token: str) -> bool:
    try:
        await replica.verify(token)
    except Rejected:
        return False
    return True


def shifted(by_s: int, life_s: int = 60) -> dict[str, Any]:
    """The times of a token that a clock `by_s` ahead of ours issues now."""
    iat = int(time.time()) + by_s
    return {"iat": iat, "auth_time": iat, "exp": iat + life_s}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("leeway_s", [0, LEEWAY_S])
async def test_a_clock_ahead(store: RunningStore, name: str, leeway_s: int) -> None:
    its_flags = flags(store, name, leeway_s)
    async with opened(name, *its_flags) as replica:
        good = await granted(replica, name, its_flags)
        assert await is_accepted(replica, good.token(**shifted(max(0, leeway_s - MARGIN_S))))
        assert not await is_accepted(replica, good.token(**shifted(leeway_s + MARGIN_S)))


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("leeway_s", [0, LEEWAY_S])
async def test_a_clock_behind(store: RunningStore, name: str, leeway_s: int) -> None:
    """Its tokens are issued with an `exp` that has nearly, or quite, passed here."""
    its_flags = flags(store, name, leeway_s)
    async with opened(name, *its_flags) as replica:
        good = await granted(replica, name, its_flags)
        life_s = 60
        nearly = shifted(MARGIN_S - leeway_s - life_s, life_s)
        assert await is_accepted(replica, good.token(**nearly))
        # PyJWT: `exp` itself is past already (RFC 7519 §4.1.4: "on or after").
        assert not await is_accepted(replica, good.token(**shifted(-leeway_s - life_s, life_s)))


@pytest.mark.parametrize("name", DENYLISTS)
async def test_a_denied_token_stays_denied_through_the_leeway(
    store: RunningStore, name: str
) -> None:
    """A deny entry that ended at `exp` would let it in again until `exp` + leeway."""
    its_flags = flags(store, name)
    async with opened(name, *its_flags) as replica:
        good = await granted(replica, name, its_flags)
        token = good.token(**shifted(-60 - LEEWAY_S + 10, 60))
        await replica.logout(await replica.verify(token))
        assert not await is_accepted(replica, token)
        # Another logout is when entries past their end are dropped.
        await replica.logout(await replica.verify((await replica.issue(USER)).credential))
        assert not await is_accepted(replica, token)
        if name not in WITHOUT_CATCH_UP:
            async with opened(name, *its_flags) as later:
                assert not await is_accepted(later, token)

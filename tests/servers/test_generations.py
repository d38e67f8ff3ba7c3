"""A store is lost, and a replica that has not heard of it yet meets a login of the next one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import RunningStore, start_store
from tests.servers.processes import CHEAP_LOGIN, Minted, Replica, eventually, running

# Longer than the test: the laggard goes on serving by what it proved before.
STALENESS = ("--set", "staleness_s=20")


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    with start_store() as running_store:
        yield running_store


@pytest.fixture
def proxy(store: RunningStore) -> Iterator[RunningProxy]:
    with start_proxy(store.url) as running_proxy:
        yield running_proxy


@pytest.mark.parametrize("strategy", ["jwt_denylist_push", "jwt_epoch"])
def test_a_login_of_the_next_store_is_not_refused_by_a_replica_that_lags(
    strategy: str, store: RunningStore, proxy: RunningProxy
) -> None:
    flags = ("--key-prefix", f"{strategy}:", *CHEAP_LOGIN)
    with (
        running(strategy, "--store", store.url, "--set", "staleness_s=0.2", *flags) as quick,
        running(strategy, "--store", proxy.url, *STALENESS, *flags) as laggard,
    ):
        (before,) = quick.mint()
        assert status(laggard, before) == 200
        proxy.swallow(b"XREAD")
        with redis.Redis.from_url(store.url) as client:
            client.flushall()
        eventually(lambda: status(quick, before) == 401)
        (after,) = quick.mint()
        assert status(quick, after) == 200
        # It knows nothing of the loss, and cannot: but this login is newer than all it knows.
        assert status(laggard, before) == 200
        answer = laggard.me(after.bearer)
        assert (answer.status, answer.json["error"]) == (503, "store_unavailable")
        proxy.restore()
        eventually(lambda: status(laggard, after) == 200)
        eventually(lambda: status(laggard, before) == 401)


def status(replica: Replica, minted: Minted) -> int:
    return replica.me(minted.bearer).status

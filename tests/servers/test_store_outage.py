"""A store that freezes or dies: 503 in bounded time, back by itself, never a mix-up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.strategy import available, load
from tests.servers.processes import CHEAP_LOGIN, Minted, Replica, eventually, running

STORED = [name for name in available() if load(name).needs_store]
# The default deadline is 0.5 s; the rest is a busy machine's.
BOUND_S = 2.0


@contextmanager
def frozen(store: RunningStore) -> Iterator[None]:
    assert store.pid is not None
    os.kill(store.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(store.pid, signal.SIGCONT)


def assert_unavailable(replica: Replica, minted: Minted) -> None:
    started_s = time.monotonic()
    answer = replica.me(minted.bearer)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json["error"] == "store_unavailable"
    assert time.monotonic() - started_s < BOUND_S


def whoami(replica: Replica, minted: Minted) -> str | None:
    answer = replica.me(minted.bearer)
    return answer.json["user_id"] if answer.status == 200 else None


@pytest.mark.parametrize("strategy", STORED)
def test_a_frozen_store(strategy: str) -> None:
    connections = "--store-connections"
    with (
        start_store() as store,
        running(strategy, "--store", store.url, connections, "4", *CHEAP_LOGIN) as replica,
    ):
        pool = replica.mint(40)
        assert whoami(replica, pool[0]) == pool[0].user_id
        with frozen(store):
            assert_unavailable(replica, pool[0])
            assert replica.ask("GET", "/readyz").status == 503
            assert replica.ask("GET", "/healthz").status == 200
            login = replica.login()
            assert (login.status, login.headers["Retry-After"]) == (503, "1")
            with ThreadPoolExecutor(20) as threads:
                started_s = time.monotonic()
                said = list(threads.map(lambda minted: replica.me(minted.bearer).status, pool))
            assert set(said) == {503}
            assert time.monotonic() - started_s < 2 * BOUND_S
        eventually(lambda: whoami(replica, pool[0]) is not None)
        # Late answers to the frozen commands must reach nobody.
        with ThreadPoolExecutor(8) as threads:
            for _ in range(3):
                seen = list(threads.map(lambda minted: whoami(replica, minted), pool))
                assert seen == [minted.user_id for minted in pool]


@pytest.mark.parametrize("strategy", STORED)
def test_a_store_frozen_in_the_midst_of_requests(strategy: str) -> None:
    with (
        start_store() as store,
        running(strategy, "--store", store.url, *CHEAP_LOGIN) as patient,
        running(strategy, "--store", store.url, "--store-deadline-s", "0.05") as replica,
    ):
        pool = patient.mint(200)
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(lambda minted: whoami(replica, minted), pool * 3)
            for _ in range(4):
                with frozen(store):
                    # Longer than the deadline, so that commands are given up on and answered late.
                    time.sleep(0.08)
            seen = list(answers)
        for minted, user_id in zip(pool * 3, seen, strict=True):
            assert user_id in (minted.user_id, None)


@pytest.mark.parametrize("strategy", STORED)
def test_a_dead_store(strategy: str) -> None:
    with ExitStack() as server:
        with start_store() as store:
            port = int(store.url.rsplit(":", 1)[1].split("/")[0])
            flags = ("--store", store.url, *CHEAP_LOGIN)
            replica = server.enter_context(running(strategy, *flags))
            minted = replica.mint()[0]
            assert whoami(replica, minted) == minted.user_id
        assert_unavailable(replica, minted)
        assert replica.admin("users/user-000000/revoke").status == 503
        assert replica.admin("credentials", {"count": 10}).status == 503
        with start_store(port):
            eventually(lambda: replica.ask("GET", "/readyz").status == 200)
            # An empty store knows nobody; logging in works again.
            assert replica.me(minted.bearer).status == 401
            again = replica.mint()[0]
            assert whoami(replica, again) == again.user_id

"""A store of the test's own under two replicas, to be frozen, cut off, killed and lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import RunningStore, start_store
from tests.servers.processes import CHEAP_LOGIN, Answer, Minted, Replica, bearer, replicas, running
from tests.servers.variants import QUICK, set_flags

DEADLINE_S = 0.3
# What no answer may exceed, however busy the machine.
HANG_S = 8 * DEADLINE_S
# Few connections, so that requests wait for them too.
FLAGS = (
    "--store-deadline-s", str(DEADLINE_S), "--store-timeout-s", "0.15",
    "--store-connections", "4", *CHEAP_LOGIN,
)  # fmt: skip
Ask = Callable[[], Answer]


class Outage:
    """Two replicas and their store; `law` is what /readyz says."""

    def __init__(self, strategy: str, stack: ExitStack) -> None:
        self.strategy = strategy
        self._stack = stack
        self._store_life = ExitStack()
        stack.callback(self._store_life.close)
        self.store: RunningStore = self._store_life.enter_context(start_store())
        self.proxy: RunningProxy = stack.enter_context(start_proxy(self.store.url))
        self._port = int(self.store.url.rsplit(":", 1)[1].split("/")[0])
        self.both: list[Replica] = stack.enter_context(replicas(2, strategy, *self._flags))
        self.law = self.both[0].ask("GET", "/readyz").json["law"]

    @property
    def _flags(self) -> list[str]:
        return ["--store", self.proxy.url, *FLAGS, *set_flags(self.strategy, **QUICK)]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Neither answers nor refuses: only time-outs end a wait for it."""
        assert self.store.pid is not None
        os.kill(self.store.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.store.pid, signal.SIGCONT)

    def reset_connections(self) -> None:
        self.proxy.reset()

    def kill(self) -> None:
        self._store_life.close()

    def start_empty(self) -> None:
        """Where the one that was killed was; what that held is lost."""
        self.store = self._store_life.enter_context(start_store(self._port))

    @contextmanager
    def newcomer(self) -> Iterator[Replica]:
        """A replica that was not there before."""
        with running(self.strategy, *self._flags) as replica:
            yield replica


def warm(both: Sequence[Replica], pool: Sequence[Minted]) -> None:
    """Whatever a replica can remember of these credentials, it remembers now."""
    for replica in both:
        for minted in pool:
            assert replica.me(minted.bearer).status == 200


def ask_together(questions: Sequence[Ask]) -> list[Answer]:
    """Every answer came in time, none is an error of ours, and a 503 says when to come again."""
    with ThreadPoolExecutor(len(questions)) as threads:
        started_s = time.monotonic()
        answers = list(threads.map(lambda question: question(), questions))
        assert time.monotonic() - started_s < HANG_S
    for answer in answers:
        assert answer.status < 500 or answer.status == 503, answer.body
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json["error"] == "store_unavailable"
    return answers


def profiles(both: Sequence[Replica], *pool: Minted) -> list[Ask]:
    return [partial(replica.me, minted.bearer) for replica in both for minted in pool]


def operations(replica: Replica, minted: Minted) -> dict[str, Ask]:
    """What nobody can do without the store; of users that do not matter."""
    changed: dict[str, Ask] = {
        "login": replica.login,
        "mint": lambda: replica.admin("credentials", {"count": 10}),
        "kick": lambda: replica.admin("users/nobody/revoke"),
    }
    if minted.refresh_token is not None:
        body = {"refresh_token": minted.refresh_token}
        changed["refresh"] = lambda: replica.ask("POST", "/refresh", (), body)
    return changed


def refuses_from_now_on(replica: Replica, minted: Minted) -> None:
    """503 for a while, where it has to find out; then 401, and never again anything else."""
    deadline_s = time.monotonic() + 10
    status = 503
    while status == 503:
        assert time.monotonic() < deadline_s
        status = replica.me(bearer(minted.credential)).status
        time.sleep(0.01)
    assert [status, *(replica.me(minted.bearer).status for _ in range(5))] == [401] * 6

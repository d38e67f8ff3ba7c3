"""Asks every replica about credentials, over and over, and keeps what each said and when."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple

from tests.servers.processes import Replica

_PAUSE_S = 0.004


class Seen(NamedTuple):
    """One answer of `GET /me`; times are of time.monotonic."""

    replica: int
    sent_s: float
    answered_s: float
    status: int
    role: str | None


class Watch:
    """A thread a replica, from the start of the block to its end, each on one connection."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self._credentials: dict[str, str] = {}
        self._seen: defaultdict[str, list[Seen]] = defaultdict(list)
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(len(replicas), "watch")
        self._ends: list[Future[None]] = []

    def __enter__(self) -> Watch:
        numbered = enumerate(self._replicas)
        self._ends = [self._threads.submit(self._ask_on, *each) for each in numbered]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._threads.shutdown()
        if error is None:
            for end in self._ends:
                end.result()

    def add(self, name: str, credential: str) -> None:
        """Returns once every replica was asked about it."""
        self._credentials[name] = credential
        self.await_answer_sent_after(time.monotonic(), name)

    def await_answer_sent_after(self, moment_s: float, name: str) -> None:
        """Returns once every replica answered a request about it that was sent after `moment_s`."""
        waiting = set(range(len(self._replicas)))
        deadline_s = time.monotonic() + 10
        while waiting:
            assert time.monotonic() < deadline_s, f"{name}: replicas {waiting} do not answer"
            assert not any(end.done() for end in self._ends), [end.result() for end in self._ends]
            recent = reversed(self._seen[name][-200:])
            waiting -= {each.replica for each in recent if each.sent_s > moment_s}
            time.sleep(_PAUSE_S)

    def seen(self, name: str) -> list[Seen]:
        return list(self._seen[name])

    def _ask_on(self, number: int, replica: Replica) -> None:
        connection = http.client.HTTPConnection(replica.host, replica.port, timeout=15)
        while not self._stop.wait(_PAUSE_S):
            for name in list(self._credentials):
                # Looked up anew, as another may have taken its place since.
                self._seen[name].append(_ask(connection, number, self._credentials[name]))
        connection.close()


def _ask(connection: http.client.HTTPConnection, number: int, credential: str) -> Seen:
    sent_s = time.monotonic()
    connection.request("GET", "/me", headers={"Authorization": f"Bearer {credential}"})
    response = connection.getresponse()
    body = response.read()
    role = json.loads(body)["role"] if response.status == 200 else None
    return Seen(number, sent_s, time.monotonic(), response.status, role)

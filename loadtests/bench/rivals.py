"""A locustfile of two users that do the same: GET / in a closed loop, as fast as they can.

`FastUser` is Locust's FastHttpUser, `OurUser` our client with Locust's event fired. Prints one
JSON line at the end: requests and CPU seconds of the generator after the warm-up.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import locust
from locust import FastHttpUser, User, task

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from loadtests.client import Client  # noqa: E402
from loadtests.recorder import Stamp  # noqa: E402
from loadtests.visitor import describe  # noqa: E402

WARM_UP_S = 0.5


class FastUser(FastHttpUser):
    """Locust's own fast client."""

    @task
    def get(self) -> None:
        self.client.get("/")


class OurUser(User):
    """Ours: stamp, list append, event."""

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.stamps: list[Stamp] = []
        address = urlsplit(environment.host)
        self._client = Client(address.hostname or "", address.port or 80)
        self._request = f"GET / HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()

    @task
    def get(self) -> None:
        client = self._client
        fire = self.environment.events.request.fire
        while True:
            due_ns = time.monotonic_ns()
            status = client.exchange(self._request)
            stamp = Stamp(
                "GET /",
                status,
                due_ns,
                client.sent_ns,
                client.done_ns,
                len(self._request),
                client.received_bytes,
            )
            self.stamps.append(stamp)
            fire(**describe(stamp))


def _measure(environment: Any) -> None:
    gevent.sleep(WARM_UP_S)
    before = environment.stats.total.num_requests, time.process_time(), time.monotonic()
    gevent.sleep(float(os.environ["BENCH_DURATION_S"]))
    after = environment.stats.total.num_requests, time.process_time(), time.monotonic()
    requests, cpu_s, duration_s = (b - a for a, b in zip(before, after, strict=True))
    failed = environment.stats.total.num_failures
    line = {"requests": requests, "cpu_s": cpu_s, "duration_s": duration_s, "failed": failed}
    print(json.dumps(line), flush=True)  # noqa: T201
    environment.runner.quit()


# Locust's hooks are untyped.
events: Any = locust.events
events.test_start.add_listener(lambda environment, **_: gevent.spawn(_measure, environment))

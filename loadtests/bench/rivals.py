"""A locustfile of three users that do the same: GET /me in a closed loop, as fast as they can.

`FastUser` is Locust's FastHttpUser. `FiredUser` and `PlannedUser` are ours: by hand, with Locust's
event fired for each request, and the runner's way, where a request leaves a stamp and Locust is
told of a slice in sums. Prints one JSON line at the end: requests and CPU seconds of the generator
after a warm-up; telling Locust is part of them.
"""

from __future__ import annotations

import gc
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

from loadtests import locust_statistics  # noqa: E402
from loadtests.client import Watchdog  # noqa: E402
from loadtests.messages import ArmTarget, Credential, ReplicaAddress  # noqa: E402
from loadtests.recorder import Stamp  # noqa: E402
from loadtests.scenarios import lookups  # noqa: E402
from loadtests.stage import Stage  # noqa: E402
from loadtests.visitor import Record, Visitor, describe  # noqa: E402

WARM_UP_S = 0.5
TIMEOUT_S = 5.0
CREDENTIAL = "user-000001"


class FastUser(FastHttpUser):
    """Locust's own fast client."""

    @task
    def get(self) -> None:
        self.client.get("/me", headers={"Authorization": f"Bearer {CREDENTIAL}"})


class FiredUser(User):
    """As users live by hand and under the web UI."""

    @task
    def live(self) -> None:
        visitor = _visitor(self.environment, self._announce)
        while True:
            lookups.iterate(visitor, time.monotonic_ns())

    def _announce(self, stamp: Stamp) -> None:
        self.environment.events.request.fire(**describe(stamp))


class PlannedUser(User):
    """As users live in a run."""

    @task
    def live(self) -> None:
        stage: Stage = self.environment.stage
        stage.attend(_visitor(self.environment, stage.stamps.append))


def _visitor(environment: Any, record: Record) -> Visitor:
    address = urlsplit(environment.host)
    replica = ReplicaAddress(address.hostname or "", address.port or 80)
    return Visitor(
        ArmTarget("static", "bearer", "", (replica,)),
        [Credential(CREDENTIAL, CREDENTIAL, "")],
        number=0,
        seed=1,
        password="",
        population=1,
        watchdog=environment.watchdog,
        record=record,
    )


def _measure(environment: Any) -> None:
    _drive(environment, WARM_UP_S)
    # As a run does, and for every rival alike.
    gc.collect()
    gc.freeze()
    gc.disable()
    before = environment.stats.total.num_requests, time.process_time(), time.monotonic()
    _drive(environment, float(os.environ["BENCH_DURATION_S"]))
    after = environment.stats.total.num_requests, time.process_time(), time.monotonic()
    requests, cpu_s, duration_s = (b - a for a, b in zip(before, after, strict=True))
    failed = environment.stats.total.num_failures
    line = {"requests": requests, "cpu_s": cpu_s, "duration_s": duration_s, "failed": failed}
    print(json.dumps(line), flush=True)  # noqa: T201
    environment.runner.quit()


def _drive(environment: Any, duration_s: float) -> None:
    """A slice of the planned users; the others never rest."""
    stage: Stage = environment.stage
    stage.open(lookups.iterate)
    stage.run_closed(stage.waiting, time.monotonic_ns() + int(duration_s * 1e9))
    gevent.sleep(duration_s)
    stage.drain(TIMEOUT_S)
    locust_statistics.tell(environment.stats, stage.stamps)


def _prepare(environment: Any, **_: Any) -> None:
    environment.stage = Stage()
    environment.watchdog = Watchdog(TIMEOUT_S)
    environment.events.spawning_complete.add_listener(
        lambda **_: gevent.spawn(_measure, environment)
    )


# Locust's hooks are untyped.
events: Any = locust.events
events.init.add_listener(_prepare)

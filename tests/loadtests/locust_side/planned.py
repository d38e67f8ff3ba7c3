"""The runner's own way through Locust, with a real runner, users and server."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import gevent
import pytest
from locust.env import Environment

from loadtests import planned
from loadtests.locustfile import AuthbenchUser
from loadtests.messages import LINES_FD_VARIABLE, order_line, parse_message
from loadtests.model import Load
from tests.builders import a_phase
from tests.loadtests.walking import TWO_ARMS, a_block, at
from tests.servers.processes import running

PHASE = a_phase(
    "latency-200", scenario="lookups", load=Load("constant", rate_rps=200), rounds=2,
    slice_s=0.1, guard_s=0.05,
)  # fmt: skip


@pytest.fixture
def collection() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("collection")
def test_locust_counts_every_request_and_is_asked_about_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[Any] = []
    lines_read_fd, lines_fd = os.pipe()
    order_read_fd, order_fd = os.pipe()
    monkeypatch.setenv(LINES_FD_VARIABLE, str(lines_fd))
    # It would end this process with the pipe.
    monkeypatch.setattr(planned, "Lifeline", object)
    experiment = a_block(arms=TWO_ARMS, phases=(PHASE,), warm_up_s=0.0)
    with running("none", "--users", "100") as server, os.fdopen(order_read_fd) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        os.write(order_fd, order_line(at(server, experiment)))
        environment = Environment(user_classes=[AuthbenchUser])
        events: Any = environment.events
        events.request.add_listener(lambda **told: heard.append(told))
        runner = environment.create_local_runner()
        planned.follow(environment)
        runner.start(experiment.pool_users, experiment.pool_users, wait=False)
        with gevent.Timeout(20):
            runner.greenlet.join()
    os.close(order_fd)
    os.close(lines_fd)
    with os.fdopen(lines_read_fd, "rb") as lines:
        # Gevent closes the other end at some later turn of its loop: an end of file may never come.
        told = takewhile(lambda message: not message.done, map(parse_message, lines))
        slices = [message.slice for message in told if message.slice is not None]
    assert len(slices) == 4
    recorded = sum(sum(e.outcomes.values()) for each in slices for e in each.endpoints.values())
    in_guards = int(len(slices) * 200 * 0.05)
    assert environment.stats.total.num_requests == recorded + in_guards == 120
    assert environment.stats.total.num_failures == 0
    assert heard == []

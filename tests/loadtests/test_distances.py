"""The conductor's side of distances: a real proxy before a real store, told slice by slice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest
import redis

from loadtests.distances import Distances
from loadtests.messages import Order
from loadtests.meters import Meters
from loadtests.model import PlannedSlice
from loadtests.signing_keys import SigningKeys
from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import start_store
from loadtests.target import MeasurementError, RunSecrets, describe, running_arms
from tests.builders import an_arm, an_experiment, at_distances
from tests.loadtests.walking import an_order

EXPERIMENT = an_experiment(
    arms=(an_arm("session_redis"), an_arm("jwt_hs256")), phases=at_distances(0.0, 0.02)
)


@pytest.fixture(scope="module")
def proxy() -> Iterator[RunningProxy]:
    with start_store() as store, start_proxy(store.url) as running:
        yield running


def order_through(proxy: RunningProxy) -> Order:
    order = an_order(EXPERIMENT, 1, ())
    session, token = order.targets
    afar = replace(session, proxy_pid=proxy.pid, proxy_control_port=proxy.control_port)
    return replace(order, targets=(afar, token))


def planned(arm: str, phase: str) -> PlannedSlice:
    return PlannedSlice(0, phase, 0, arm, seed=1)


def test_each_slice_has_the_distance_of_its_phase_and_its_own_count(proxy: RunningProxy) -> None:
    distances = Distances(order_through(proxy))
    with redis.Redis.from_url(proxy.url) as client:
        for phase, asked_s in (("afar-20000us", 0.02), ("afar-0us", 0.0)):
            client.ping()
            slice_ = planned("session_redis", phase)
            distances.set_for(slice_)
            for _ in range(3):
                client.ping()
            added = distances.added_in(slice_)
            assert added is not None
            assert (added.asked_s, added.round_trips) == (asked_s, 3)
            assert added.p50_s is not None
            assert (added.p50_s >= 0.02) == (asked_s > 0)
    distances.close()


def test_an_arm_without_a_proxy_is_as_far_as_it_is(proxy: RunningProxy) -> None:
    distances = Distances(order_through(proxy))
    slice_ = planned("jwt_hs256", "afar-20000us")
    distances.set_for(slice_)
    assert distances.added_in(slice_) is None


def test_a_proxys_cpu_is_ours_and_neither_the_servers_nor_the_stores(proxy: RunningProxy) -> None:
    order = order_through(proxy)
    session, token = (Meters(target, order) for target in order.targets)
    plain = an_order(EXPERIMENT, 1, ())
    without = Meters(plain.targets[0], plain)
    before, token_before = session.read(), token.read()
    with redis.Redis.from_url(proxy.url) as client:
        deadline_s = time.monotonic() + 10
        while spent_ns(session, before.proxy_ns) < 20_000_000 and time.monotonic() < deadline_s:
            for _ in range(100):
                client.ping()
    others_ns = without.read().ours_ns
    after, token_after = session.read(), token.read()
    spent = after.since(before)
    assert spent.cpu_s.proxy is not None
    assert spent.cpu_s.proxy >= 0.02
    assert spent.cpu_s.store == 0
    assert others_ns is not None
    assert after.ours_ns is not None
    # As much as all that the proxy ever spent: more than reading clocks takes.
    assert after.ours_ns - others_ns >= 20_000_000
    assert token_after.since(token_before).cpu_s.proxy is None


def spent_ns(meters: Meters, before_ns: int | None) -> int:
    now_ns = meters.read().proxy_ns
    assert now_ns is not None
    assert before_ns is not None
    return now_ns - before_ns


def test_a_proxy_that_dies_is_named() -> None:
    arm = an_arm("session_redis", replicas=1)
    settings = {"argon2_memory_kib": 64, "argon2_time_cost": 1, "argon2_parallelism": 1}
    arms = {arm.name: (arm, describe(arm, settings))}
    secrets = RunSecrets("an admin secret for tests", SigningKeys(), "a password")
    with running_arms(arms, settings, secrets, through_proxies=True) as running:
        session = running["session_redis"]
        assert session.proxy is not None
        assert session.store is not None
        asked = psutil.Process(session.replicas[0].process.pid).cmdline()
        assert session.proxy.url in asked
        assert session.store.url not in asked
        session.check_alive()
        os.kill(session.proxy.pid, signal.SIGKILL)
        while not session.proxy.has_ended:
            time.sleep(0.01)
        says = r"the proxy before the store of session_redis \(pid \d+\) ended"
        with pytest.raises(MeasurementError, match=says):
            session.check_alive()

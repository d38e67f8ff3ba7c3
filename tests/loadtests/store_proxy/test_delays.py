"""Distance: real valkey behind a real proxy process, asked by redis-py and by bare sockets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from loadtests.store_proxy import RunningProxy
from loadtests.store_server import RunningStore
from tests.loadtests.store_proxy.asking import (
    PING,
    PONG,
    SPARE_S,
    client_of,
    connected,
    read_exactly,
)


def test_bytes_arrive_as_they_were_sent(proxy: RunningProxy) -> None:
    value = bytes(range(256)) * 40_000
    with client_of(proxy) as client:
        assert client.set("large", value)
        assert client.get("large") == value
        with client.pipeline(transaction=False) as pipeline:
            for number in range(5000):
                pipeline.set(f"key-{number}", number)
            assert pipeline.execute() == [True] * 5000


def test_a_slow_reader_gets_every_byte_and_stops_nobody_else(proxy: RunningProxy) -> None:
    value = b"x" * 30_000_000
    with client_of(proxy) as client, connected(proxy) as slow:
        client.set("large", value)
        slow.sendall(b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n")
        for _ in range(20):
            assert client.ping()
        head = b"$30000000\r\n"
        assert read_exactly(slow, len(head) + len(value) + 2) == head + value + b"\r\n"


@pytest.mark.parametrize("asked_s", [0.0, 0.0005, 0.002, 0.01])
def test_a_round_trip_takes_longer_by_what_was_asked(proxy: RunningProxy, asked_s: float) -> None:
    with client_of(proxy) as client:
        client.ping()
        proxy.set_delay(asked_s)
        until_s = time.monotonic() + 3 * SPARE_S
        # A busy machine may make it late; one that is not busy for a moment must not.
        while (added_s := added_to_pings(proxy, client, asked_s)) >= asked_s + 0.001:
            assert time.monotonic() < until_s, f"{added_s} s were added instead of {asked_s} s"


def added_to_pings(proxy: RunningProxy, client: redis.Redis, asked_s: float) -> float:
    """The median of what was added to 20 round trips, which took that much longer."""
    proxy.added_delay()
    begun_s = time.perf_counter()
    for _ in range(20):
        client.ping()
    took_s = time.perf_counter() - begun_s
    added = proxy.added_delay()
    assert (added.asked_s, added.round_trips) == (asked_s, 20)
    assert added.p50_s is not None
    assert added.p99_s is not None
    assert added.trip_p50_s is not None
    assert asked_s <= added.p50_s <= added.p99_s
    assert added.p50_s < added.trip_p50_s
    assert took_s >= 20 * asked_s
    return added.p50_s


def test_what_was_added_is_told_once(proxy: RunningProxy) -> None:
    with client_of(proxy) as client:
        client.ping()
        assert proxy.added_delay().p50_s is not None
        assert proxy.added_delay().p50_s is None


def test_what_the_store_pushes_waits_for_half_of_a_round_trip(
    proxy: RunningProxy, store: RunningStore
) -> None:
    with (
        client_of(proxy) as client,
        client.pubsub() as subscriber,
        redis.Redis.from_url(store.url) as direct,
    ):
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=SPARE_S) is not None
        proxy.set_delay(0.6)
        begun_s = time.perf_counter()
        direct.publish("news", "x")
        message = subscriber.get_message(timeout=SPARE_S)
        assert message is not None
        assert message["data"] == b"x"
        assert 0.3 <= time.perf_counter() - begun_s < 0.6


def test_a_new_delay_holds_at_once_and_what_is_under_way_keeps_its_own(
    proxy: RunningProxy,
) -> None:
    with connected(proxy) as connection, client_of(proxy) as other:
        other.ping()
        proxy.set_delay(0.6)
        begun_s = time.perf_counter()
        connection.sendall(PING)
        # Until the proxy has read it, nobody can know which delay it gets.
        time.sleep(0.05)
        proxy.set_delay(0.0)
        other.ping()
        assert time.perf_counter() - begun_s < 0.3
        assert read_exactly(connection, len(PONG)) == PONG
        assert time.perf_counter() - begun_s >= 0.3


def test_pipelined_commands_wait_side_by_side(proxy: RunningProxy) -> None:
    proxy.set_delay(0.4)
    with connected(proxy) as connection:
        begun_s = time.perf_counter()
        for _ in range(20):
            connection.sendall(PING)
            time.sleep(0.01)
        assert read_exactly(connection, 20 * len(PONG)) == 20 * PONG
        # One after the other they would take 20 times the 0.2 s of one way, and the way back.
        assert 0.4 <= time.perf_counter() - begun_s < 1.6


def test_32_connections_pipeline_side_by_side(proxy: RunningProxy) -> None:
    proxy.set_delay(0.02)

    def talk(number: int) -> bool:
        with client_of(proxy) as client:
            for turn in range(5):
                with client.pipeline(transaction=False) as pipeline:
                    for step in range(20):
                        pipeline.set(f"{number}-{step}", f"{turn}-{step}").get(f"{number}-{step}")
                    answers = pipeline.execute()
                if answers[1::2] != [f"{turn}-{step}".encode() for step in range(20)]:
                    return False
        return True

    begun_s = time.perf_counter()
    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(talk, range(32)))
    # One after the other they would take 32 × 5 × 20 ms.
    assert time.perf_counter() - begun_s < 3.2
    added = proxy.added_delay()
    assert added.round_trips >= 32 * 5
    assert added.p50_s is not None
    assert added.p50_s >= 0.02

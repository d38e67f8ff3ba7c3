"""Faults: what clients of a real valkey see while the proxy before it tears or swallows."""

from __future__ import annotations

import socket
import struct
import time
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import RunningStore, start_store
from tests.loadtests.store_proxy.asking import (
    PING,
    PONG,
    SPARE_S,
    client_of,
    connected,
    has_connections,
    read_exactly,
)
from tests.processes import wait_for


def test_a_reset_is_seen_as_a_reset_and_new_connections_live(proxy: RunningProxy) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        for connection in (first, second):
            connection.sendall(PING)
            assert read_exactly(connection, len(PONG)) == PONG
        proxy.reset()
        for connection in (first, second):
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
    with client_of(proxy) as client:
        assert client.ping()


def test_a_reset_reaches_what_is_under_way(proxy: RunningProxy) -> None:
    proxy.set_delay(2.0)
    with connected(proxy) as connection:
        connection.sendall(PING)
        wait_for(lambda: has_connections(proxy, 2), SPARE_S, "the proxy let it in")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_half_open_clients_time_out_and_find_all_well_once_restored(proxy: RunningProxy) -> None:
    with client_of(proxy, timeout_s=0.2) as old, client_of(proxy, timeout_s=0.2) as new:
        old.set("kept", 1)
        proxy.swallow(None)
        for client in (old, new):
            with pytest.raises(redis.TimeoutError):
                client.get("kept")
        proxy.restore()
        assert old.get("kept") == b"1"
        assert new.get("kept") == b"1"


def test_what_was_swallowed_is_closed_when_restored(proxy: RunningProxy) -> None:
    with connected(proxy) as connection, client_of(proxy) as client:
        connection.sendall(PING)
        assert read_exactly(connection, len(PONG)) == PONG
        proxy.swallow(None)
        proxy.restore()
        assert connection.recv(1) == b""
        assert client.ping()


def test_what_is_under_way_when_all_is_swallowed_never_arrives(
    proxy: RunningProxy, store: RunningStore
) -> None:
    with connected(proxy) as connection, redis.Redis.from_url(store.url) as direct:
        proxy.set_delay(2.0)
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nnever\r\n$1\r\n1\r\n")
        wait_for(lambda: has_connections(proxy, 2), SPARE_S, "the proxy let it in")
        proxy.swallow(None)
        # It would have been at the store by then.
        connection.settimeout(1.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert direct.get("never") is None


def test_a_store_that_hangs_up_is_not_heard_while_all_is_swallowed(
    proxy: RunningProxy, store: RunningStore
) -> None:
    with connected(proxy) as connection:
        connection.sendall(PING)
        assert read_exactly(connection, len(PONG)) == PONG
        proxy.swallow(None)
        with redis.Redis.from_url(store.url) as direct:
            direct.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        proxy.restore()
        connection.settimeout(SPARE_S)
        assert connection.recv(1) == b""


def test_only_the_subscriber_is_swallowed(proxy: RunningProxy) -> None:
    with client_of(proxy) as client, client.pubsub() as subscriber:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=SPARE_S) is not None
        proxy.swallow(b"SUBSCRIBE")
        assert client.publish("news", "lost") == 1
        assert subscriber.get_message(timeout=0.2) is None
        with client.pubsub() as late:
            late.subscribe("news")
            assert late.get_message(timeout=0.2) is None
        proxy.restore()
        with client.pubsub() as again:
            again.subscribe("news")
            assert again.get_message(timeout=SPARE_S) is not None
            client.publish("news", "heard")
            message = again.get_message(timeout=SPARE_S)
    assert message is not None
    assert message["data"] == b"heard"


def test_a_word_that_came_in_pieces_is_known(proxy: RunningProxy) -> None:
    with connected(proxy) as connection:
        for piece in (b"*2\r\n$9\r\nSUBS", b"CRIBE\r\n$4\r\n", b"news\r\n"):
            connection.sendall(piece)
            time.sleep(0.02)
        assert connection.recv(100).startswith(b"*3")
        proxy.swallow(b"SUBSCRIBE")
        with client_of(proxy) as client:
            client.publish("news", "lost")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_several_words_choose_together(proxy: RunningProxy) -> None:
    with client_of(proxy) as client, client.pubsub() as subscriber, client_of(proxy) as reader:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=SPARE_S) is not None
        assert not reader.xread({"log": "0"})
        proxy.swallow(b"SUBSCRIBE", b"XREAD")
        assert client.publish("news", "lost") == 1
        assert subscriber.get_message(timeout=0.2) is None
        with pytest.raises(redis.TimeoutError):
            reader.xread({"log": "0"})
    proxy.restore()


def test_who_hangs_up_before_the_store_is_reached_is_let_go() -> None:
    """As when a store is frozen and its queue of newcomers is full."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        start_proxy(f"redis://127.0.0.1:{full.getsockname()[1]}") as proxy,
    ):
        before = open_files(proxy)
        connections = [connected(proxy) for _ in range(20)]
        wait_for(lambda: open_files(proxy) == before + 40, SPARE_S, "all let in")
        for connection in connections:
            connection.close()
        wait_for(lambda: open_files(proxy) == before, SPARE_S, "all let go")


def test_who_hangs_up_while_swallowed_is_let_go_and_the_store_does_not_hear(
    proxy: RunningProxy, store: RunningStore
) -> None:
    with redis.Redis.from_url(store.url) as direct:
        with connected(proxy) as connection:
            connection.sendall(PING)
            assert read_exactly(connection, len(PONG)) == PONG
            proxy.swallow(None)
            before = open_files(proxy)
            known = len(direct.client_list())
        wait_for(lambda: open_files(proxy) == before - 1, SPARE_S, "the client's end closed")
        assert len(direct.client_list()) == known
        proxy.restore()
        wait_for(lambda: len(direct.client_list()) == known - 1, SPARE_S, "closed at the store")


def open_files(proxy: RunningProxy) -> int:
    return psutil.Process(proxy.pid).num_fds()


def test_only_watched_words_choose(proxy: RunningProxy) -> None:
    with pytest.raises(ValueError, match=r"b'GET' is not watched; allowed are b'TRACKING', "):
        proxy.swallow(b"GET")


def test_refused_is_refused_until_restored(proxy: RunningProxy) -> None:
    with connected(proxy) as connection:
        connection.sendall(PING)
        assert read_exactly(connection, len(PONG)) == PONG
        proxy.refuse()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.restore()
    with client_of(proxy) as client:
        assert client.ping()


def test_a_dead_store_is_a_reset_and_a_new_one_at_its_port_is_found() -> None:
    with start_store() as first:
        port = urlsplit(first.url).port
        with start_proxy(first.url) as proxy:
            with connected(proxy) as connection:
                connection.sendall(PING)
                assert read_exactly(connection, len(PONG)) == PONG
                assert first.pid is not None
                psutil.Process(first.pid).kill()
                assert connection.recv(1) == b""
            with client_of(proxy) as client, pytest.raises(redis.ConnectionError):
                client.ping()
            wait_for(lambda: first.has_ended, SPARE_S, "the store's guard ended")
            with start_store(port), client_of(proxy) as client:
                assert client.ping()


def test_a_torn_client_is_torn_at_the_store_too(proxy: RunningProxy, store: RunningStore) -> None:
    with connected(proxy) as connection, redis.Redis.from_url(store.url) as direct:
        connection.sendall(b"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$4\r\ngone\r\n")
        assert read_exactly(connection, 5) == b"+OK\r\n"
        assert "gone" in str(direct.client_list())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        wait_for(lambda: "gone" not in str(direct.client_list()), SPARE_S, "the store let it go")

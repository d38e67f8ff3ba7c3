"""Clients of a proxy: redis-py, and bare sockets that send exactly the bytes they are told to."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import psutil
import redis

from loadtests.store_proxy import RunningProxy

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"
# One core is shared with other tests: what comes is late, never early.
SPARE_S = 5.0


def client_of(proxy: RunningProxy, timeout_s: float = SPARE_S) -> redis.Redis:
    return redis.Redis.from_url(
        proxy.url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=None
    )


def connected(proxy: RunningProxy) -> socket.socket:
    port = urlsplit(proxy.url).port
    assert port is not None
    return socket.create_connection(("127.0.0.1", port), timeout=SPARE_S)


def read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def has_connections(proxy: RunningProxy, ends: int) -> bool:
    every = psutil.Process(proxy.pid).net_connections()
    port, control = urlsplit(proxy.url).port, proxy.control_port
    passing = [
        each
        for each in every
        if each.status == psutil.CONN_ESTABLISHED and each.laddr[1] != control
    ]
    assert port is not None
    return len(passing) == ends

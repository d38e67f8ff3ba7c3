"""A server as a process: how it says that it is there, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest

from servers.strategy import available, load
from tests.servers.processes import (
    CHEAP_LOGIN,
    ENVIRONMENT,
    ROOT,
    await_listening,
    eventually,
    launched,
    running,
)

# About half a second: long enough to be under way when the signal comes.
SLOW_LOGIN = ("--argon2-memory-kib", "65536", "--argon2-time-cost", "12", "--login-queue", "0")


def test_it_says_once_that_it_listens() -> None:
    with launched("none", "--replica", "3", *CHEAP_LOGIN) as process:
        replica = await_listening(process)
        assert replica.ask("GET", "/readyz").json["replica"] == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_login_finish(number: signal.Signals) -> None:
    with running("jwt_hs256", *SLOW_LOGIN) as replica, ThreadPoolExecutor(2) as threads:
        logins = [threads.submit(replica.login) for _ in range(2)]
        # No queue: the first answer is the refusal of the one that found the other under way.
        (refused,), (under_way,) = wait(logins, return_when=FIRST_COMPLETED)
        assert refused.result().status == 503
        replica.process.send_signal(number)
        assert under_way.result().status == 200
        assert replica.process.wait(10) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((replica.host, replica.port), timeout=1)


def test_a_signal_ends_idle_connections() -> None:
    with (
        running("none", *CHEAP_LOGIN) as replica,
        socket.create_connection((replica.host, replica.port), timeout=10) as idle,
    ):
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        assert idle.recv(4_096).startswith(b"HTTP/1.1 200")
        replica.process.send_signal(signal.SIGTERM)
        assert idle.recv(4_096) == b""
        assert replica.process.wait(10) == 0


def test_the_end_of_its_parent_ends_it() -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        assert replica.process.stdin is not None
        replica.process.stdin.close()
        assert replica.process.wait(10) == 0


def test_without_an_admin_secret_there_are_no_admin_routes() -> None:
    environment = {**ENVIRONMENT}
    del environment["AUTHBENCH_ADMIN_SECRET"]
    with launched("none", *CHEAP_LOGIN, environment=environment) as process:
        replica = await_listening(process)
        for path in ("credentials", "users/user-000001/revoke", "revoke-all"):
            answer = replica.admin(path, {"count": 1})
            assert (answer.status, answer.json["error"]) == (404, "not_found")


def test_none_listens_beyond_loopback_only_when_told() -> None:
    flags = ("--host", "0.0.0.0", "--allow-none-beyond-loopback")  # noqa: S104 - what is tested
    with running("none", *flags, *CHEAP_LOGIN) as replica:
        assert replica.ask("GET", "/healthz").status == 200


def test_unknown_routes_and_methods_are_json() -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        assert replica.ask("GET", "/nowhere").json["error"] == "not_found"
        answer = replica.ask("POST", "/me")
        assert (answer.status, answer.json["error"]) == (405, "method_not_allowed")
        assert "GET" in answer.headers["Allow"]
        body = b'{"username": "' + b"x" * 50_000 + b'"}'
        assert replica.ask("POST", "/login", [], body).status == 413


@pytest.mark.parametrize(
    "extra",
    [
        [("Content-Encoding", "gzip")],
        [("Content-Encoding", "deflate")],
        [("Content-Encoding", "br")],
        [("Expect", "surprise")],
        [("Content-Type", "text/plain; charset=nonsense")],
        [("Upgrade", "websocket"), ("Connection", "upgrade")],
    ],
)
def test_hostile_bodies_are_never_a_500(extra: list[tuple[str, str | bytes]]) -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        for body in (b"\x1f\x8b garbage", b"{}", b"\x00"):
            assert 400 <= replica.ask("POST", "/login", extra, body).status < 500


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\x00b\r\n\r\n",
        b"GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + b"a" * 9_000 + b"\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /admin/users/%00%ff/revoke HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_hostile_requests_are_never_a_500(request_text: bytes) -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        assert 400 <= replica.send(request_text).status < 500


def test_metrics_count_answers() -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        for path in ("/healthz", "/healthz", "/nowhere"):
            replica.ask("GET", path)
        answer = replica.ask("GET", "/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain")
        figures = dict(
            line.rsplit(" ", 1)
            for line in answer.body.decode().splitlines()
            if not line.startswith("#")
        )
        assert float(figures['http_requests_total{status="200"}']) == 2
        assert float(figures['http_requests_total{status="404"}']) == 1
        assert float(figures["process_cpu_seconds_total"]) > 0
        assert float(figures["process_resident_memory_bytes"]) > 1_000_000
        assert float(figures["event_loop_lag_seconds"]) >= 0


@pytest.mark.parametrize("strategy", available())
def test_a_twin_holds_no_rivals_library(strategy: str) -> None:
    """Loads one strategy as the server does and lists the token and store libraries it brought."""
    code = (
        "import sys, json, servers.__main__ as m; m.load(sys.argv[1]);"
        "print(json.dumps(sorted({'jwt', 'redis'} & set(sys.modules))))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, strategy], cwd=ROOT, capture_output=True, check=True
    )
    libraries = json.loads(shown.stdout)
    assert ("redis" in libraries) == load(strategy).needs_store
    assert ("jwt" in libraries) == strategy.startswith("jwt_")


def test_replicas_on_one_port_do_not_share_it() -> None:
    with running("none", *CHEAP_LOGIN) as replica:
        with launched("none", "--port", str(replica.port)) as second:
            assert second.wait(10) == 2
        eventually(lambda: replica.ask("GET", "/healthz").status == 200)

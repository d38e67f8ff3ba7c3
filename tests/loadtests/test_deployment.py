"""Servers that somebody else runs: a clear line for everything that can be wrong with them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtests import deployment
from loadtests.model import Carrier, ConfigurationError
from loadtests.target import MeasurementError

TWO = "session_redis=session:8080, jwt_hs256=jwt:8081"


@pytest.mark.parametrize(
    ("targets", "strategy", "expected"),
    [
        ("session:8080", "jwt_hs256", ("session", 8080)),
        (TWO, "session_redis", ("session", 8080)),
        (TWO, "jwt_hs256", ("jwt", 8081)),
    ],
)
def test_endpoint(targets: str, strategy: str, expected: tuple[str, int]) -> None:
    assert deployment.endpoint(targets, strategy) == expected


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (TWO, "none is not in it; it has session_redis, jwt_hs256"),
        ("session", "'session'; allowed is HOST:PORT"),
        (":8080", "':8080'; allowed is HOST:PORT"),
        ("session:http", "'session:http'; allowed is HOST:PORT"),
        ("session:99999", "'session:99999'; allowed is HOST:PORT"),
        ("none=a:1,b:2", "'b:2'; allowed is STRATEGY=HOST:PORT for each"),
    ],
)
def test_a_target_that_cannot_be_is_named(targets: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        deployment.endpoint(targets, "none")


def test_finds_what_the_replica_says_of_itself() -> None:
    with _answering(200, strategy="none", carrier="bearer", cookie_name="session") as port:
        target = deployment.find(f"localhost:{port}", "none", "bearer")
    assert (target.arm, target.carrier, target.cookie_name) == ("none", "bearer", "session")
    assert [each.origin for each in target.replicas] == [f"http://127.0.0.1:{port}"]


@pytest.mark.parametrize(
    ("strategy", "carrier", "expected"),
    [
        ("jwt_hs256", "bearer", "serves strategy none, not jwt_hs256"),
        ("none", "cookie", "serves carrier bearer, not cookie"),
    ],
)
def test_another_kind_of_server_is_refused(strategy: str, carrier: Carrier, expected: str) -> None:
    with (
        _answering(200, strategy="none", carrier="bearer", cookie_name="session") as port,
        pytest.raises(MeasurementError, match=expected),
    ):
        deployment.find(f"127.0.0.1:{port}", strategy, carrier)


def test_a_server_that_is_not_ready_is_refused() -> None:
    with (
        _answering(503, error="store_unavailable") as port,
        pytest.raises(MeasurementError, match=r"is not ready: .*store_unavailable"),
    ):
        deployment.find(f"127.0.0.1:{port}", "none", "bearer")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(MeasurementError, match="does not answer: ConnectionError"):
        deployment.find(f"127.0.0.1:{port}", "none", "bearer")


def test_a_name_without_an_address() -> None:
    with pytest.raises(MeasurementError, match=r"no address for nowhere\.invalid"):
        deployment.find("nowhere.invalid:80", "none", "bearer")


@contextmanager
def _answering(status: int, **body: str) -> Iterator[int]:
    """A server that answers everything the same; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()

"""The client against sockets that misbehave in every way it has a word for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import gevent
import pytest
from gevent.monkey import is_module_patched

from loadtests import client as client_module
from loadtests.client import Client, ExchangeFailed, Watchdog
from tests.loadtests.scripted_server import (
    Peer,
    Step,
    answer,
    close,
    hang,
    reset,
    response,
    scripted,
)

REQUEST = b"GET /me HTTP/1.1\r\nHost: test\r\n\r\n"


def exchange(client: Client, request: bytes = REQUEST) -> int:
    """In a greenlet of its own, with a deadline."""
    return int(gevent.spawn(client.exchange, request).get(timeout=10))


def failure(client: Client) -> str:
    with pytest.raises(ExchangeFailed) as raised:
        exchange(client)
    return raised.value.outcome


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watching = Watchdog(timeout_s=0.2, period_s=0.02)
    yield watching
    watching.close()


def test_importing_the_client_patches_nothing() -> None:
    assert not is_module_patched("socket")


def test_an_answer_is_read_whole_and_timed() -> None:
    with scripted([answer(response(b'{"user_id": 1}'))]) as server:
        client = Client("127.0.0.1", server.port)
        before_ns = time.monotonic_ns()
        assert exchange(client) == 200
        assert client.body == b'{"user_id": 1}'
        assert client.received_bytes == len(response(b'{"user_id": 1}'))
        assert before_ns <= client.sent_ns <= client.done_ns <= time.monotonic_ns()
        assert client.waiting_since_ns == 0
        client.close()


@pytest.mark.parametrize("step", [1, 2, 7, 16, 64])
def test_an_answer_may_come_in_any_pieces(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_RECEIVE_BYTES", step)
    whole = response(b"x" * 100, headers=b"Set-Cookie: session=1; Path=/\r\n")
    with scripted([answer(whole), answer(response(status="201 Created"))]) as server:
        client = Client("127.0.0.1", server.port, reads_cookies=True)
        assert exchange(client) == 200
        assert client.body == b"x" * 100
        assert client.received_bytes == len(whole)
        assert client.set_cookies == [b"session=1; Path=/"]
        assert exchange(client) == 201
        client.close()


def test_chunked_answers_are_read() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with scripted([answer(chunked), answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert exchange(client) == 200
        assert client.body == b"abcde"
        assert exchange(client) == 200
        client.close()


def test_one_connection_serves_many_requests() -> None:
    statuses = ["200 OK", "401 Unauthorized", "503 Service Unavailable", "200 OK"]
    with scripted([answer(response(status=status)) for status in statuses]) as server:
        client = Client("127.0.0.1", server.port)
        requests = [REQUEST.replace(b"/me", b"/%d" % number) for number in range(4)]
        assert [exchange(client, request) for request in requests] == [200, 401, 503, 200]
        assert server.requests == requests
        assert len(server.peers) == 1
        client.close()


def test_a_request_larger_than_the_sockets_buffer_arrives_whole() -> None:
    large = b"GET / HTTP/1.1\r\nX: " + b"x" * 8_000_000 + b"\r\n\r\n"
    with scripted([answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert exchange(client, large) == 200
        assert server.requests == [large]
        client.close()


def test_a_connection_closed_between_requests_is_no_failure() -> None:
    with scripted([answer(response())], [answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert exchange(client) == 200
        assert server.peers[0].closed.wait(5)
        # A turn of the loop, as between any two requests of a user.
        gevent.sleep(0.001)
        assert exchange(client) == 200
        assert len(server.peers) == 2
        client.close()


@pytest.mark.parametrize("step", [reset, close, answer(response(b"half an answer")[:-5])])
def test_a_connection_lost_during_a_request_is_a_reset(step: Step) -> None:
    with scripted([step], [answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert failure(client) == "reset"
        assert exchange(client) == 200
        client.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\0" * 64,
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_malformed(garbage: bytes) -> None:
    with scripted([answer(garbage)], [answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert failure(client) == "malformed"
        assert exchange(client) == 200
        client.close()


def test_a_word_out_of_turn_is_no_answer_to_the_next_request() -> None:
    def out_of_turn(peer: Peer) -> None:
        answered.wait(5)
        peer.connection.sendall(response(status="408 Request Timeout"))
        said.set()
        hang(peer)

    answered, said = threading.Event(), threading.Event()
    with scripted([answer(response()), out_of_turn], [answer(response())]) as server:
        client = Client("127.0.0.1", server.port)
        assert exchange(client) == 200
        answered.set()
        assert said.wait(5)
        gevent.sleep(0.001)
        server.peers[0].test_over.set()
        assert exchange(client) == 200
        client.close()


def test_garbage_after_an_answer_does_not_spoil_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted([answer(response() + b"garbage\r\n")], [answer(response(b"x" * 50))]) as server:
        client = Client("127.0.0.1", server.port)
        assert failure(client) == "malformed"
        monkeypatch.setattr(client_module, "_RECEIVE_BYTES", 7)
        assert exchange(client) == 200
        assert client.body == b"x" * 50
        client.close()


def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        client = Client("127.0.0.1", reserved.getsockname()[1])
        assert failure(client) == "refused"
        assert failure(client) == "refused"


def test_the_watchdog_ends_a_wait(watchdog: Watchdog) -> None:
    with scripted([hang], [answer(response())]) as server:
        client = watchdog.guard(Client("127.0.0.1", server.port))
        assert failure(client) == "timeout"
        assert time.monotonic_ns() - client.sent_ns >= 200_000_000
        server.peers[0].test_over.set()
        assert exchange(client) == 200
        client.close()


def test_the_watchdog_ends_an_answer_that_stops_half_way(watchdog: Watchdog) -> None:
    half = answer(response(b"half an answer")[:-5])
    with scripted([half, hang]) as server:
        assert failure(watchdog.guard(Client("127.0.0.1", server.port))) == "timeout"


def test_the_watchdog_ends_a_connect_that_hangs(watchdog: Watchdog) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # The one place in the queue is taken, so the next connect is neither taken nor refused.
        with socket.create_connection(address):
            assert failure(watchdog.guard(Client(*address))) == "timeout"


def test_the_watchdog_ends_a_send_that_nobody_reads(watchdog: Watchdog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = watchdog.guard(Client(*listener.getsockname()))
        with pytest.raises(ExchangeFailed, match="timeout"):
            exchange(client, REQUEST + b"x" * 16_000_000)


def test_the_watchdog_leaves_idle_clients_alone(watchdog: Watchdog) -> None:
    with scripted([answer(response()), answer(response())]) as server:
        client = watchdog.guard(Client("127.0.0.1", server.port))
        assert exchange(client) == 200
        gevent.sleep(0.3)
        assert exchange(client) == 200
        assert len(server.peers) == 1
        client.close()


def test_the_watchdog_knows_who_waits_and_how_many_began(watchdog: Watchdog) -> None:
    with scripted([answer(response())]) as server, scripted([hang], [hang]) as hanging:
        idle = watchdog.guard(Client("127.0.0.1", server.port))
        held, killed = (watchdog.guard(Client("127.0.0.1", hanging.port)) for _ in range(2))
        assert watchdog.count() == (0, 0)
        assert exchange(idle) == 200
        waits = gevent.spawn(failure, held)
        user = gevent.spawn(killed.exchange, REQUEST)
        gevent.sleep(0.001)
        assert watchdog.count() == (3, 2)
        user.kill()
        assert watchdog.count() == (3, 1)
        assert waits.get(timeout=5) == "timeout"
        assert watchdog.count() == (3, 0)
        idle.close()


def test_a_killed_user_leaves_no_answer_to_the_next_request() -> None:
    with scripted([hang], [answer(response(b"second"))]) as server:
        client = Client("127.0.0.1", server.port)
        user = gevent.spawn(client.exchange, REQUEST)
        deadline_s = time.monotonic() + 5
        while not server.requests and time.monotonic() < deadline_s:
            gevent.sleep(0.001)
        user.kill()
        server.peers[0].test_over.set()
        assert exchange(client) == 200
        assert client.body == b"second"
        client.close()


def test_users_wait_side_by_side() -> None:
    with scripted([hang]) as slow, scripted([answer(response())]) as quick:
        waiting = gevent.spawn(Client("127.0.0.1", slow.port).exchange, REQUEST)
        assert exchange(Client("127.0.0.1", quick.port)) == 200
        assert not waiting.ready()
        waiting.kill()


def test_cookies_belong_to_the_last_answer() -> None:
    cookies = b"Set-Cookie: session=1; Path=/\r\nset-cookie: other=2\r\nX-Other: 3\r\n"
    with scripted([answer(response(headers=cookies)), answer(response())]) as server:
        client = Client("127.0.0.1", server.port, reads_cookies=True)
        exchange(client)
        assert client.set_cookies == [b"session=1; Path=/", b"other=2"]
        exchange(client)
        assert client.set_cookies == []
        client.close()

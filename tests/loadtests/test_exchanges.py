"""Who goes on when: answers first, then users, then what they ask next."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import gevent
import pytest
from gevent import get_hub

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.exchanges import Exchanges
from tests.loadtests.scripted_server import Peer, Step, answer, response, scripted

REQUEST = b"GET /me HTTP/1.1\r\nHost: test\r\n\r\n"
LARGE = b"GET / HTTP/1.1\r\nX: " + b"x" * 8_000_000 + b"\r\n\r\n"


@pytest.fixture(autouse=True)
def nothing_fails_in_the_loop(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """gevent prints what a callback raises, and goes on."""
    yield
    assert capfd.readouterr().err == ""


class InTurn(Exchanges):
    """As while those answered are going on, for as long as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.are_going_on = True

    def send(self) -> None:
        """From the hub, as `_go_on` does."""
        self.are_going_on = False
        for client in self.asking:
            get_hub().loop.run_callback(client.send_now)


class Withheld(Exchanges):
    """Nobody goes on before the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []

    def answered(self, client: Client) -> None:  # type: ignore[override]
        self.held.append(client.go_on)


def connected(port: int, exchanges: Exchanges) -> Client:
    """It has had one answer."""
    client = Client("127.0.0.1", port)
    assert gevent.spawn(client.exchange, REQUEST).get(timeout=10) == 200
    client.belong_to(exchanges)
    return client


def ask(client: Client, request: bytes = REQUEST) -> gevent.Greenlet[..., int | str]:
    """It has asked, or said that it wants to."""

    def outcome() -> int | str:
        try:
            return client.exchange(request)
        except ExchangeFailed as failed:
            return failed.outcome

    user: gevent.Greenlet[..., int | str] = gevent.spawn(outcome)
    gevent.sleep(0)
    return user


def saying(said: threading.Event) -> Step:
    """Answers, and says so."""

    def step(peer: Peer) -> None:
        answer(response())(peer)
        said.set()

    return step


def test_every_answer_is_read_before_anyone_asks_again() -> None:
    said = [threading.Event() for _ in range(5)]
    watchdog = Watchdog(timeout_s=5)
    clocks: list[tuple[int, int, int]] = []

    def live(client: Client) -> None:
        client.exchange(REQUEST)
        done_ns, due_ns = client.done_ns, time.monotonic_ns()
        client.exchange(REQUEST)
        clocks.append((done_ns, due_ns, client.sent_ns))

    with ExitStack() as stack:
        steps = [[answer(response()), saying(each), answer(response())] for each in said]
        servers = [stack.enter_context(scripted(its_steps)) for its_steps in steps]
        clients = [watchdog.guard(connected(each.port, Exchanges())) for each in servers]
        users = [gevent.spawn(live, client) for client in clients]
        gevent.sleep(0)
        # Waits for another thread, so this one's loop finds all five answers at once.
        assert all(each.wait(5) for each in said)
        gevent.joinall(users, timeout=10, raise_error=True)
        for client in clients:
            client.close()
    watchdog.close()
    done_ns, due_ns, sent_ns = zip(*clocks, strict=True)
    assert len(clocks) == 5
    assert max(done_ns) <= min(due_ns)
    assert max(due_ns) <= min(sent_ns)


def test_who_was_killed_with_an_answer_does_not_go_on() -> None:
    with scripted([answer(response())] * 2, [answer(response(b"next"))]) as server:
        exchanges = Withheld()
        client = connected(server.port, exchanges)
        user = ask(client)
        deadline_s = time.monotonic() + 5
        while not exchanges.held and time.monotonic() < deadline_s:
            gevent.sleep(0.001)
        assert client.waiting_since_ns == 0
        user.kill()
        (go_on,) = exchanges.held
        go_on()
        client.belong_to(Exchanges())
        assert ask(client).get(timeout=10) == 200
        assert client.body == b"next"
        client.close()


def kill(client: Client, user: gevent.Greenlet[..., int | str]) -> None:
    user.kill()


def time_out(client: Client, user: gevent.Greenlet[..., int | str]) -> None:
    client.abort("timeout")


@pytest.mark.parametrize("give_up", [kill, time_out])
def test_what_was_given_up_before_its_turn_is_not_sent(
    give_up: Callable[[Client, gevent.Greenlet[..., int | str]], None],
) -> None:
    with scripted([answer(response())], [answer(response())]) as server:
        exchanges = InTurn()
        client = connected(server.port, exchanges)
        user = ask(client, b"GET /never HTTP/1.1\r\n\r\n")
        give_up(client, user)
        exchanges.send()
        user.join(timeout=10)
        assert user.dead
        assert ask(client).get(timeout=10) == 200
        assert server.requests == [REQUEST, REQUEST]
        client.close()


def test_what_is_too_large_to_be_sent_at_once_arrives_whole() -> None:
    with scripted([answer(response()), answer(response())]) as server:
        exchanges = InTurn()
        client = connected(server.port, exchanges)
        user = ask(client, LARGE)
        exchanges.send()
        assert user.get(timeout=10) == 200
        assert server.requests == [REQUEST, LARGE]
        client.close()


def test_a_connection_lost_before_its_turn_is_a_reset() -> None:
    def drop(peer: Peer) -> None:
        may_drop.wait(5)
        peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    may_drop = threading.Event()
    with scripted([answer(response()), drop], [answer(response())]) as server:
        exchanges = InTurn()
        client = connected(server.port, exchanges)
        user = ask(client)
        may_drop.set()
        (peer,) = server.peers
        assert peer.closed.wait(5)
        exchanges.send()
        assert user.get(timeout=10) == "reset"
        assert ask(client).get(timeout=10) == 200
        client.close()


@pytest.mark.parametrize("in_turn", [False, True])
def test_who_answers_before_it_has_heard_all_is_heard(in_turn: bool) -> None:
    def impatient(peer: Peer) -> None:
        peer.connection.recv(10)
        peer.connection.sendall(response(status="413 Too Large"))
        peer.test_over.wait(30)

    with scripted([answer(response()), impatient], [answer(response())]) as server:
        exchanges = InTurn()
        exchanges.are_going_on = in_turn
        client = connected(server.port, exchanges)
        user = ask(client, LARGE)
        exchanges.send()
        assert user.get(timeout=10) == 413
        server.peers[0].test_over.set()
        assert ask(client).get(timeout=10) == 200
        assert len(server.peers) == 2
        client.close()

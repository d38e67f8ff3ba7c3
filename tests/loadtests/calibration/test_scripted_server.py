from __future__ import annotations

import http.client
import random
import socket
import sys
import threading
import time

import pytest

from loadtests.calibration.arrival import ArrivalReader
from loadtests.calibration.scripted import ScriptedServer, Truth, scripted_server
from loadtests.calibration.scripts import SCRIPTS
from tests.processes import wait_for

BODY = b'{"cart": []}'


def ask(server: ScriptedServer, *ids: str) -> None:
    connection = http.client.HTTPConnection(server.address.host, server.address.port, timeout=10)
    for id_ in ids:
        connection.request("GET", "/me", headers={"Authorization": f"Bearer {id_}"})
        assert connection.getresponse().read().startswith(b"{")
        connection.request("PUT", "/state", BODY, {"Authorization": f"Bearer {id_}"})
        assert connection.getresponse().read().startswith(b"{")
    connection.close()


def stamped(server: ScriptedServer, count: int) -> Truth:
    """An answer may be read before its stamp is kept."""
    wait_for(lambda: len(server.truth().ids) >= count, 5, f"{count} stamps")
    return server.truth()


def test_every_request_is_stamped_under_its_id_when_read_and_when_answered() -> None:
    with scripted_server("1 ms", 1) as server:
        ask(server, "id-000003", "id-000007")
        truth = stamped(server, 4)
    assert truth.ids == ("id-000003", "id-000003", "id-000007", "id-000007")
    assert min(truth.answered_ns - truth.received_ns) >= 1_000_000
    assert list(truth.received_ns) == sorted(truth.received_ns)
    assert truth.stalls_ns == ()


def test_a_stall_holds_every_connection() -> None:
    with scripted_server("none", 1, stall_every_s=0.3, stall_s=0.2) as server:
        threads = [
            threading.Thread(target=ask, args=(server, *[f"id-{n:06}"] * 400)) for n in range(3)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(server.truth().stalls_ns) >= 2, 10, "two stalls")
        for thread in threads:
            thread.join()
        truth = server.truth()
    for began_ns, ended_ns in truth.stalls_ns:
        assert ended_ns - began_ns >= 200_000_000
        answered_meanwhile = (truth.received_ns > began_ns) & (truth.answered_ns < ended_ns)
        assert not answered_meanwhile.any()


def test_it_ends_when_nobody_holds_its_stdin() -> None:
    with scripted_server("none", 1) as server:
        ask(server, "id-000001")
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(5) == 0


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_seed_gives_the_same_delays(name: str) -> None:
    def drawn(seed: int) -> list[float]:
        dice = random.Random(seed)  # noqa: S311
        return [SCRIPTS[name](dice) for _ in range(500)]

    assert drawn(3) == drawn(3)
    assert all(delay_s >= 0 for delay_s in drawn(3))
    assert (drawn(3) == drawn(4)) == (name in {"none", "1 ms"})


def test_one_in_twenty_is_slow() -> None:
    dice = random.Random(1)  # noqa: S311
    drawn = [SCRIPTS["bimodal"](dice) for _ in range(20_000)]
    assert set(drawn) == {0.0005, 0.02}
    assert 0.045 < drawn.count(0.02) / len(drawn) < 0.055


def test_a_request_arrives_when_it_comes_however_late_it_is_read() -> None:
    ours, theirs = socket.socketpair() if sys.platform != "linux" else tcp_pair()
    with ours, theirs:
        reader = ArrivalReader(theirs)
        for _ in range(3):
            sent_ns = time.monotonic_ns()
            ours.sendall(b"PUT /state HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
            ours.sendall(b"{}")
            handed_over_ns = time.monotonic_ns()
            # What is measured here is that a late reader does not matter.
            time.sleep(0.05)
            assert reader.read().endswith(b"\r\n\r\n{}")
            assert sent_ns <= reader.arrived_ns <= time.monotonic_ns()
        if sys.platform == "linux":
            assert reader.arrived_ns < handed_over_ns + 40_000_000
        ours.close()
        assert reader.read() == b""


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs

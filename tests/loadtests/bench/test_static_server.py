"""The server a generator is raced at: nginx where it is on PATH, and the one that stands in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from loadtests.bench.minimal_server import ANSWER
from loadtests.bench.static_server import StaticServer, static_server
from tests.processes import are_gone, descendants, wait_for

ROOT = Path(__file__).parents[3]
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx on PATH")
HOLD = (
    "import time; from loadtests.bench.static_server import static_server\n"
    "with static_server(()) as server: print(server.url, flush=True); time.sleep(60)"
)
REQUEST = b"GET /me HTTP/1.1\r\nHost: here\r\n\r\n"


@contextmanager
def minimal(monkeypatch: pytest.MonkeyPatch) -> Iterator[StaticServer]:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with static_server(()) as server:
        yield server


@needs_nginx
def test_nginx_answers_and_ends_with_the_block() -> None:
    before = descendants(os.getpid())
    with static_server(()) as server:
        started = [each for each in descendants(os.getpid()) if each not in before]
        assert server.name.startswith("nginx")
        assert requests.get(f"{server.url}/me", timeout=5).json() == {"user_id": "user-000001"}
    assert started
    wait_for(lambda: are_gone(started), 5, "nginx ended")


def test_without_nginx_a_server_of_ours_answers_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    before = descendants(os.getpid())
    with minimal(monkeypatch) as server:
        started = [each for each in descendants(os.getpid()) if each not in before]
        assert "no nginx on PATH" in server.name
        with requests.Session() as session:
            for _ in range(3):
                told = session.get(f"{server.url}/me", timeout=5)
                assert told.json() == {"user_id": "user-000001"}
    assert started
    wait_for(lambda: are_gone(started), 5, "the server ended")


def test_requests_may_come_in_pieces_and_several_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with minimal(monkeypatch) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=5) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece, answers in ((REQUEST[:-2], 0), (REQUEST[-2:] + REQUEST + REQUEST[:9], 2)):
                peer.sendall(piece)
                if answers:
                    assert received(peer, answers * len(ANSWER)) == ANSWER * answers
            peer.sendall(REQUEST[9:])
            assert received(peer, len(ANSWER)) == ANSWER


def received(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += peer.recv(4096)
    return data


@pytest.mark.parametrize("path", [None, ""], ids=["as found", "without nginx"])
def test_a_killed_starter_leaves_nothing(path: str | None, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    if path is not None:
        environment["PATH"] = path
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"http://127.0.0.1:")
        started = descendants(process.pid)
        assert started
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: are_gone(started), 10, "everything ended")
    wait_for(lambda: not list(tmp_path.iterdir()), 5, "the folder is gone")

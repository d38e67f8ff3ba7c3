"""Locust's web UI as `make ui` serves it: start, stop, another choice, start again, and the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from tests.processes import are_gone, descendants, wait_for

ROOT = Path(__file__).parent.parent.parent
START_S = 40.0


class Page:
    """The page's own calls."""

    def __init__(self, url: str) -> None:
        self.url = url

    def answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def start(self, **chosen: str) -> None:
        form = {
            "user_count": "4", "spawn_rate": "4", "host": "http://127.0.0.1", "target": "",
            "think_time_s": "0.01", "replicas": "2", "carrier": "bearer", "scenario": "browse",
        }  # fmt: skip
        answer = requests.post(f"{self.url}/swarm", data=form | chosen, timeout=START_S)
        assert answer.json()["success"], answer.text

    def stop(self) -> None:
        requests.post(f"{self.url}/stop", timeout=START_S).raise_for_status()

    def statistics(self) -> dict[str, dict[str, Any]]:
        told = requests.get(f"{self.url}/stats/requests", timeout=5).json()
        return {row["name"]: row for row in told["stats"]}

    def requests_to(self, name: str) -> int:
        return cast("int", self.statistics().get(name, {}).get("num_requests", 0))


@pytest.fixture
def ui() -> Iterator[tuple[subprocess.Popen[bytes], Page]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests", "ui", "--web-port", str(port)],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "REDIS_URL"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = Page(f"http://127.0.0.1:{port}")
    try:
        wait_for(page.answers, START_S, "the page")
        yield process, page
    finally:
        process.terminate()
        process.wait(30)


def test_start_stop_and_another_strategy(ui: tuple[subprocess.Popen[bytes], Page]) -> None:
    process, page = ui
    for offered in ("session_redis", "jwt_hs256", "none", "revocation", "journey", "cookie"):
        assert f'"{offered}"' in requests.get(page.url, timeout=5).text
    page.start(strategy="jwt_hs256")
    wait_for(lambda: page.requests_to("/me") > 50, START_S, "requests")
    page.stop()
    page.start(strategy="session_redis", scenario="journey", replicas="3", carrier="cookie")
    wait_for(lambda: page.requests_to("/logout") > 10, START_S, "whole journeys")
    assert all(row["num_failures"] == 0 for row in page.statistics().values())
    children = descendants(process.pid)
    servers = [child for child in children if "servers" in child.cmdline()]
    assert len(servers) == 2 + 3
    process.send_signal(signal.SIGINT)
    process.wait(30)
    wait_for(lambda: are_gone(children), 5.0, "every descendant gone")


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = subprocess.run(
            [sys.executable, "-m", "loadtests", "ui", "--web-port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 2
    assert str(port) in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


def test_a_killed_ui_leaves_nothing(ui: tuple[subprocess.Popen[bytes], Page]) -> None:
    process, page = ui
    page.start(strategy="session_redis")
    wait_for(lambda: page.requests_to("/me") > 10, START_S, "requests")
    children = descendants(process.pid)
    process.kill()
    wait_for(lambda: are_gone(children), 5.0, "every descendant gone")

"""What wrk prints, read; and wrk itself, where it is on PATH."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtests.bench import wrk
from loadtests.model import ConfigurationError
from loadtests.realtime import can_come_first
from loadtests.target import MeasurementError
from tests.loadtests.scripted_server import response

TOLD = {
    "requests": 1_700, "duration_us": 2_000_100, "latency_p50_us": 1_500, "latency_p99_us": 9_250,
    "connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0,
}  # fmt: skip
PRINTED = """Running 2s test @ http://127.0.0.1:8080
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.50ms    1.16ms  12.27ms   74.10%
  1700 requests in 2.00s, 0.41MB read
Requests/sec:    849.96
Transfer/sec:    210.20KB

{}
"""
REQUEST = b"GET /me HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer %s\r\n\r\n"
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="no wrk on PATH")


def printed(**changes: int) -> str:
    return PRINTED.format(json.dumps(TOLD | changes))


def test_the_line_of_our_script_is_found_in_what_wrk_prints() -> None:
    assert wrk.parse(printed(), 0.25) == wrk.WrkResult(1_700, 2.0001, 0.25, 1.5, 9.25)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": 3}, "errors: status 3"),
        ({"read": 1, "timeout": 2}, "errors: read 1, timeout 2"),
        ({"connect": 32, "requests": 0}, "errors: connect 32"),
        ({"requests": 0}, "no answer at all"),
    ],
)
def test_a_run_with_failures_is_no_measurement(changes: dict[str, int], said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        wrk.parse(printed(**changes), 0.25)


def test_a_script_that_never_came_to_its_end_is_named() -> None:
    with pytest.raises(MeasurementError, match=r"told nothing: .*Transfer/sec"):
        wrk.parse(PRINTED.format(""), 0.25)


def test_without_wrk_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigurationError, match="no wrk on PATH; install it"):
        wrk.find()


# Instead of wrk: tells how it is scheduled, in place of how many requests it made.
STAND_IN = f"""#!{sys.executable}
import json, os
told = {TOLD}
told["requests"] = 1 + os.sched_getscheduler(0)
print(json.dumps(told))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="real-time scheduling is asked for on Linux")
def test_it_comes_first_on_its_cpu_when_told_so_and_where_that_is_granted(tmp_path: Path) -> None:
    program = tmp_path / "wrk"
    program.write_text(STAND_IN)
    program.chmod(0o700)

    def policy(*, is_first: bool) -> int:
        origin = "http://127.0.0.1:1"
        return wrk.run(str(program), origin, [REQUEST], 1, 1, 1, is_first=is_first).requests - 1

    assert policy(is_first=False) == os.SCHED_OTHER
    assert policy(is_first=True) == (os.SCHED_FIFO if can_come_first() else os.SCHED_OTHER)


@contextmanager
def listening(data: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """An origin where every request is answered `data`, and the requests so far."""
    received: list[bytes] = []

    class Answering(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = b""
            # wrk drops its connections in the middle of an answer.
            with contextlib.suppress(ConnectionError):
                while line := self.rfile.readline():
                    request += line
                    if line == b"\r\n":
                        received.append(request)
                        self.wfile.write(data)
                        request = b""

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", received
        finally:
            server.shutdown()
            thread.join()


@needs_wrk
def test_wrk_sends_what_it_is_given_each_as_likely_as_any_other() -> None:
    requests = [REQUEST % name for name in (b"a", b"b", b"c")]
    with listening(response()) as (origin, received):
        result = wrk.run(wrk.find(), origin, requests, 2, 1, seed=1)
    assert set(received) == set(requests)
    # What is under way at the end is not counted.
    assert 0 <= len(received) - result.requests <= 2
    for each in requests:
        assert received.count(each) == pytest.approx(len(received) / 3, rel=0.25)
    assert 0 < result.latency_p50_ms <= result.latency_p99_ms
    assert result.cpu_s > 0


@needs_wrk
def test_refused_credentials_are_no_measurement() -> None:
    with (
        listening(response(status="401 Unauthorized")) as (origin, _received),
        pytest.raises(MeasurementError, match="errors: status"),
    ):
        wrk.run(wrk.find(), origin, [REQUEST % b"a"], 1, 1, seed=1)


@needs_wrk
def test_nobody_there_is_told_in_wrks_own_words() -> None:
    with pytest.raises(MeasurementError, match=r"wrk at http://127\.0\.0\.1:1: unable to connect"):
        wrk.run(wrk.find(), "http://127.0.0.1:1", [REQUEST % b"a"], 1, 1, seed=1)

"""The generator as its starter sees it: one Locust process a block, an order in, messages out."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from loadtests.messages import LINES_FD_VARIABLE, Message, Order, order_line, parse_message
from loadtests.target import MeasurementError

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
POLL_S = 0.25
STOP_TIMEOUT_S = 5.0
_ROOT = LOCUSTFILE.parent.parent


class Generator:
    """Started before its order is known, so that loading Locust overlaps with starting servers."""

    def __init__(self, process: subprocess.Popen[bytes], lines_fd: int, log: IO[bytes]) -> None:
        self._process = process
        self._lines_fd = lines_fd
        self._log = log

    def say(self, line: bytes) -> None:
        """What follows the order. Raises MeasurementError when nobody hears it any more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def messages(
        self, order: Order, deadline_s: float, check: Callable[[], None]
    ) -> Iterator[Message]:
        """Sends the order, then yields until `done`; `check` is called while nothing arrives.

        Raises MeasurementError when the generator ends or `deadline_s` (from now) passes first.
        """
        self.say(order_line(order))
        give_up_s = time.monotonic() + deadline_s
        for line in self._lines(give_up_s, check):
            message = parse_message(line)
            if message.done:
                return
            if message.lost is not None:
                lost = replace(message.lost, log=self._last_lines())
                message = replace(message, lost=lost)
            yield message

    def wait(self) -> None:
        """Until it has ended by itself, as it does once its order is done.

        Raises MeasurementError when it takes longer than STOP_TIMEOUT_S.
        """
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise MeasurementError("the load generator did not end with its order") from None

    def _lines(self, give_up_s: float, check: Callable[[], None]) -> Iterator[bytes]:
        pending = b""
        while time.monotonic() < give_up_s:
            readable, _, _ = select.select([self._lines_fd], [], [], POLL_S)
            check()
            if not readable:
                continue
            data = os.read(self._lines_fd, 1 << 20)
            if not data:
                raise self._ended()
            *whole, pending = (pending + data).split(b"\n")
            yield from whole
        raise MeasurementError("the load generator took far longer than planned")

    def _ended(self) -> MeasurementError:
        return MeasurementError(f"the load generator ended early:\n{self._last_lines()}")

    def _last_lines(self) -> str:
        text = os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")
        return "\n".join(text.splitlines()[-5:])


@contextmanager
def start_generator(
    users: int, generators: int = 1, statistics: IO[bytes] | None = None
) -> Iterator[Generator]:
    """A Locust process with `users` users, or several and their master; ended with the block or
    with this process. Locust's own statistics are written to `statistics`, where a file is given,
    as it ends."""
    # Every worker has as many; those without a number of their own stand aside.
    started = -(-users // generators) * generators
    read_fd, write_fd = os.pipe()
    with tempfile.TemporaryFile() as log, _free_port() as port:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless"),
                *("--users", str(started), "--spawn-rate", str(started), "--only-summary"),
                # Or closing statistics would stand where a failure's reason should.
                "--skip-log-setup",
                *(_processes(generators, port) if generators > 1 else ()),
                *(("--json",) if statistics is not None else ()),
            ],
            cwd=_ROOT,
            env={**os.environ, LINES_FD_VARIABLE: str(write_fd)},
            pass_fds=(write_fd,),
            stdin=subprocess.PIPE,
            stdout=statistics or subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        os.close(write_fd)
        try:
            yield Generator(process, read_fd, log)
        finally:
            _stop(process)
            os.close(read_fd)


def _processes(generators: int, port: int) -> list[str]:
    return [
        *("--processes", str(generators)),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)),
        *("--master-host", "127.0.0.1", "--master-port", str(port)),
    ]


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile. Locust's master sets SO_REUSEADDR as well, so it
    can have it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        if sys.platform != "linux":
            held.close()
        yield int(held.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A worker that is stopped sees nothing end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

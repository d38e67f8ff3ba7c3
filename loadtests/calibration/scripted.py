"""A scripted server as its starter sees it: an address, and the truth when asked for it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.messages import ReplicaAddress
from loadtests.target import MeasurementError

ANSWER_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
_ROOT = Path(__file__).parent.parent.parent

Nanoseconds = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a scripted server stamped: requests in the order received, and its stalls.

    Times in ns of the monotonic clock, which all processes of a machine share.
    """

    ids: tuple[str, ...]
    received_ns: Nanoseconds
    answered_ns: Nanoseconds
    stalls_ns: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ScriptedServer:
    """One process that listens."""

    process: subprocess.Popen[bytes]
    address: ReplicaAddress

    def truth(self) -> Truth:
        """Everything stamped since the start. Raises MeasurementError when it does not answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"stamps\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise MeasurementError("the scripted server has ended") from None
        return as_truth(_line(self.process))

    def check_alive(self) -> None:
        """Raises MeasurementError when the process has ended."""
        status = self.process.poll()
        if status is not None:
            raise MeasurementError(f"the scripted server ended with status {status}")


def as_truth(told: dict[str, Any]) -> Truth:
    requests = sorted(told["requests"], key=lambda request: int(request[1]))
    return Truth(
        ids=tuple(str(request[0]) for request in requests),
        received_ns=np.array([request[1] for request in requests], dtype=np.int64),
        answered_ns=np.array([request[2] for request in requests], dtype=np.int64),
        stalls_ns=tuple((int(began), int(ended)) for began, ended in told["stalls"]),
    )


@contextmanager
def scripted_server(
    script: str, seed: int, *, stall_every_s: float = 0.0, stall_s: float = 0.0
) -> Iterator[ScriptedServer]:
    """Ended with the block, or with this process, however that ends: it watches its stdin."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "loadtests.calibration.scripted_server"),
            *("--script", script, "--seed", str(seed)),
            *("--stall-every-s", str(stall_every_s), "--stall-s", str(stall_s)),
        ],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        port = int(_line(process)["port"])
        yield ScriptedServer(process, ReplicaAddress("127.0.0.1", port, process.pid))
    finally:
        _stop(process)


def _line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    line = b""
    while not line.endswith(b"\n"):
        left_s = max(0.0, deadline_s - time.monotonic())
        readable, _, _ = select.select([process.stdout], [], [], left_s)
        data = os.read(process.stdout.fileno(), 1 << 20) if readable else b""
        if not data:
            raise MeasurementError("the scripted server says nothing")
        line += data
    answer: dict[str, Any] = json.loads(line)
    return answer


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()

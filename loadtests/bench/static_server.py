"""Something faster than any generator: nginx where it is on PATH, else a server of ours that
answers fixed bytes. Either ends with the block, or with this process."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests import guard, placement
from loadtests.children import read_line
from loadtests.target import MeasurementError

START_TIMEOUT_S = 10.0
# One process: nobody is left to start another, or to be pinned elsewhere.
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 512; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{{"user_id":"user-000001"}}'; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class StaticServer:
    """A name for the table and the URL to ask."""

    name: str
    url: str


@contextmanager
def static_server(cpus: tuple[int, ...]) -> Iterator[StaticServer]:
    """Raises MeasurementError when it does not start."""
    nginx = shutil.which("nginx")
    with _nginx(nginx, cpus) if nginx else _minimal(cpus) as server:
        yield server


@contextmanager
def _nginx(program: str, cpus: tuple[int, ...]) -> Iterator[StaticServer]:
    folder, port = tempfile.mkdtemp(prefix="authbench-nginx-"), _free_port()
    config = Path(folder) / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port))
    command = [sys.executable, "-I", "-S", guard.__file__, folder]
    command += [program, "-c", str(config), "-p", folder]
    with _with_stdin(command) as process:
        pid = int(read_line(process, START_TIMEOUT_S) or 0)
        _await_port(port, process)
        placement.pin(pid, cpus)
        yield StaticServer("nginx, one worker", f"http://127.0.0.1:{port}")


@contextmanager
def _minimal(cpus: tuple[int, ...]) -> Iterator[StaticServer]:
    with _with_stdin([sys.executable, "-m", "loadtests.bench.minimal_server"]) as process:
        port = int(read_line(process, START_TIMEOUT_S) or 0)
        if not port:
            raise MeasurementError("the minimal server did not start")
        placement.pin(process.pid, cpus)
        name = "a minimal server on uvloop (no nginx on PATH)"
        yield StaticServer(name, f"http://127.0.0.1:{port}")


@contextmanager
def _with_stdin(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends at the end of its stdin."""
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parent.parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        yield process


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise MeasurementError("nginx did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

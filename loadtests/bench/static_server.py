"""Something fast to send to: nginx where it is on PATH, else two replicas of `none`'s /healthz."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests import placement
from loadtests.model import Arm
from loadtests.target import RunSecrets, StrategyFacts, running_arms

_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
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
    if shutil.which("nginx"):
        with _nginx(cpus) as server:
            yield server
        return
    arm = Arm("none", "none", 1, "bearer")
    with running_arms({"none": (arm, StrategyFacts(False))}, {}, RunSecrets.fresh()) as arms:
        (replica,) = arms["none"].replicas
        placement.pin(replica.process.pid, cpus)
        yield StaticServer("`none` (404), no nginx on PATH", replica.address.origin)


@contextmanager
def _nginx(cpus: tuple[int, ...]) -> Iterator[StaticServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=port))
        process = subprocess.Popen(["nginx", "-c", str(config), "-p", folder])  # noqa: S607
        try:
            _await_port(port)
            for child in (process.pid, *_children(process.pid)):
                placement.pin(child, cpus)
            yield StaticServer("nginx, one worker", f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _await_port(port: int) -> None:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("nginx did not start")


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]

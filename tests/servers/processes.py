"""Real server processes for tests, and a client that sends exactly the bytes it is told to."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from loadtests.signing_keys import SigningKeys
from servers.options import parse_options
from servers.strategy import load

ROOT = Path(__file__).parents[2]
ADMIN_SECRET = "an admin secret for tests"
SIGNING_KEYS = SigningKeys()
SIGNING_KEY = SIGNING_KEYS.of("secret")
PASSWORD = "authbench-demo"
CHEAP_LOGIN = (
    "--argon2-memory-kib", "8", "--argon2-time-cost", "1", "--argon2-parallelism", "1",
)  # fmt: skip
ENVIRONMENT = {
    **os.environ,
    "AUTHBENCH_ADMIN_SECRET": ADMIN_SECRET,
    "AUTHBENCH_SIGNING_KEY": SIGNING_KEY,
}
Headers = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Minted:
    """What /admin/credentials gives, and the headers that present it."""

    user_id: str
    credential: str
    csrf_token: str
    expires_in: int | None
    refresh_token: str | None = None

    @property
    def bearer(self) -> Headers:
        return bearer(self.credential)

    def cookie(self, name: str) -> Headers:
        return [("Cookie", f"{name}={self.credential}")]


@dataclass(frozen=True)
class Replica:
    process: subprocess.Popen[bytes] = field(repr=False)
    host: str
    port: int

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, method: str, path: str, headers: Headers = (), body: object = None) -> Answer:
        """One request on its own connection; `body` bytes go as they are, else as JSON."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(request_bytes(method, path, headers, b"" if body is None else payload))

    def send(self, request: bytes) -> Answer:
        with socket.create_connection((self.host, self.port), timeout=15) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def me(self, headers: Headers) -> Answer:
        return self.ask("GET", "/me", headers)

    def login(self, username: str = "user-000001", password: str = PASSWORD) -> Answer:
        body = {"username": username, "password": password}
        return self.ask("POST", "/login", [("Origin", self.origin)], body)

    def admin(self, path: str, body: object = None) -> Answer:
        return self.ask("POST", f"/admin/{path}", bearer(ADMIN_SECRET), body)

    def mint(self, count: int = 1, **more: object) -> list[Minted]:
        answer = self.admin("credentials", {"count": count, **more})
        assert answer.status == 200, answer
        return [Minted(**each) for each in answer.json["credentials"]]


def bearer(credential: str | bytes) -> Headers:
    value = credential if isinstance(credential, bytes) else credential.encode()
    return [("Authorization", b"Bearer " + value)]


def request_bytes(method: str, path: str, headers: Headers, body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: test", b"Connection: close"]
    for name, value in headers:
        octets = value if isinstance(value, bytes) else value.encode()
        lines.append(name.encode() + b": " + octets)
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextmanager
def running(strategy: str, *flags: str) -> Iterator[Replica]:
    """One server, ended with the block; it must have been asked nothing that ends it badly."""
    with launched(strategy, *flags) as process:
        replica = await_listening(process)
        yield replica


@contextmanager
def launched(
    strategy: str, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process as started; stdin is the pipe whose end ends it.

    `environment` None: ours, with a signing key of the kind that the strategy needs.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "servers", "--strategy", strategy, "--exit-with-parent", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of(strategy, flags) if environment is None else environment,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(10)


def environment_of(strategy: str, flags: Sequence[str] = ()) -> dict[str, str]:
    """`ENVIRONMENT` with the signing key that the strategy needs when started with `flags`."""
    spec = load(strategy)
    given = (value.partition("=") for flag, value in pairwise(flags) if flag == "--set")
    assignments = [(name, value) for name, _, value in given]
    kind = spec.key_kind(parse_options(spec.options_type, strategy, assignments))
    return {**ENVIRONMENT, "AUTHBENCH_SIGNING_KEY": SIGNING_KEYS.of(kind)}


def await_listening(process: subprocess.Popen[bytes]) -> Replica:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    event = json.loads(line)
    return Replica(process, cast("str", event["host"]), int(event["port"]))


@contextmanager
def replicas(count: int, strategy: str, *flags: str) -> Iterator[list[Replica]]:
    """Several, started side by side."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(launched(strategy, "--replica", str(number), *flags))
            for number in range(count)
        ]
        yield [await_listening(process) for process in processes]


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Polls until `holds`; fails once `within_s` has passed."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)

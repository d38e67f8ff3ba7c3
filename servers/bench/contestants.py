"""Who races: three hand-written servers, and ours by both carriers."""

from __future__ import annotations

import json
import os
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from servers.bench.process import Server, started
from servers.bench.store import own_store

# The rival of each of our strategies, and the least share of its speed we must reach.
RIVALS = {
    "none": ("bare", 0.85),
    "jwt_hs256": ("handwritten_jwt", 0.92),
    "session_redis": ("handwritten_session", 0.92),
}
COOKIE = " cookie"
_LONG_LIFE = ["--set", "token_ttl_s=86400"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody who answers `requests`; one request a connection."""

    name: str
    server: Server
    requests: list[bytes]


@contextmanager
def contestants(store_url: str | None, connections: int) -> Iterator[list[Contestant]]:
    """All of them, ended with the block; without a URL a store is started too.

    Rivals share key and store with ours, and so accept the very same credentials.
    """
    admin_secret = secrets.token_urlsafe(16)
    environment = {
        **os.environ,
        "AUTHBENCH_ADMIN_SECRET": admin_secret,
        "AUTHBENCH_SIGNING_KEY": secrets.token_urlsafe(32),
    }
    with ExitStack() as stack:
        store = store_url or stack.enter_context(own_store())
        field: list[Contestant] = []
        for strategy, (rival, _) in RIVALS.items():
            server = stack.enter_context(started(_our_command(strategy, store), environment))
            credentials = _mint(server.port, admin_secret, connections)
            field += _ours(strategy, server, credentials)
            field.append(_rival(stack, rival, store, environment, credentials))
        yield field


def _our_command(strategy: str, store: str) -> list[str]:
    options = _LONG_LIFE if strategy.startswith("jwt") else []
    return ["servers", "--strategy", strategy, "--store", store, "--exit-with-parent", *options]


def _ours(strategy: str, server: Server, credentials: list[str]) -> list[Contestant]:
    by_cookie = [_request(f"Cookie: __Host-session={credential}") for credential in credentials]
    return [
        Contestant(strategy, server, [_bearer(credential) for credential in credentials]),
        Contestant(strategy + COOKIE, server, by_cookie),
    ]


def _rival(
    stack: ExitStack, name: str, store: str, environment: Mapping[str, str], credentials: list[str]
) -> Contestant:
    server = stack.enter_context(started([f"servers.bench.{name}", store], environment))
    if name == "bare":
        return Contestant(name, server, [_request("Accept: */*") for _ in credentials])
    return Contestant(name, server, [_bearer(credential) for credential in credentials])


def _bearer(credential: str) -> bytes:
    return _request(f"Authorization: Bearer {credential}")


def _request(header: str) -> bytes:
    return f"GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n".encode()


def _mint(port: int, admin_secret: str, count: int) -> list[str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/admin/credentials",
        data=json.dumps({"count": count}).encode(),
        headers={"Authorization": f"Bearer {admin_secret}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return [minted["credential"] for minted in json.load(answer)["credentials"]]

"""Who races: three hand-written servers, ours by both carriers, and what lies between."""

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


@dataclass(frozen=True, slots=True)
class Goal:
    """The least share of the reference's speed that the candidate must reach."""

    candidate: str
    reference: str
    least: float


# What the frame may cost.
RIVALS = (
    Goal("none", "bare", 0.85),
    Goal("jwt_hs256", "handwritten_jwt", 0.92),
    Goal("session_redis", "handwritten_session", 0.92),
)
# What checking a credential may cost where a cache or a batch saves most of it. The few
# credentials of a race are all in the caches: 99% hits and more.
BETWEEN = (
    Goal("jwt_cached", "none", 0.90),
    Goal("session_nearcache", "none", 0.85),
    Goal("session_tracking", "none", 0.85),
    Goal("session_redis_batched", "none", 0.65),
    Goal("jwt_denylist_push-cached", "none", 0.85),
    Goal("jwt_epoch-cached", "none", 0.85),
)
# What asking a set in memory may add to the check of a token.
REVOCABLE = (
    Goal("jwt_denylist_push", "jwt_hs256", 0.97),
    Goal("jwt_epoch", "jwt_hs256", 0.97),
)
GOALS = (*BETWEEN, *REVOCABLE, *RIVALS)
# The name of a strategy with other settings than its own goes on after a hyphen.
_VARIANTS = {"cached": ["--set", "verified_cache_entries=65536"], "": []}
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
        for goal in GOALS:
            command = _our_command(goal.candidate, store)
            server = stack.enter_context(started(command, environment))
            credentials = mint(server.port, admin_secret, connections)
            field.append(Contestant(goal.candidate, server, [bearer(each) for each in credentials]))
            if goal in RIVALS:
                field.append(_by_cookie(goal.candidate, server, credentials))
                field.append(_rival(stack, goal.reference, store, environment, credentials))
        yield field


def _our_command(name: str, store: str) -> list[str]:
    strategy, _, variant = name.partition("-")
    options = [*(_LONG_LIFE if strategy.startswith("jwt") else []), *_VARIANTS[variant]]
    return ["servers", "--strategy", strategy, "--store", store, "--exit-with-parent", *options]


def _by_cookie(strategy: str, server: Server, credentials: list[str]) -> Contestant:
    requests = [_request(f"Cookie: __Host-session={credential}") for credential in credentials]
    return Contestant(strategy + COOKIE, server, requests)


def _rival(
    stack: ExitStack, name: str, store: str, environment: Mapping[str, str], credentials: list[str]
) -> Contestant:
    server = stack.enter_context(started([f"servers.bench.{name}", store], environment))
    if name == "bare":
        return Contestant(name, server, [_request("Accept: */*") for _ in credentials])
    return Contestant(name, server, [bearer(each) for each in credentials])


def bearer(credential: str) -> bytes:
    """`GET /me` with that credential."""
    return _request(f"Authorization: Bearer {credential}")


def _request(header: str) -> bytes:
    return f"GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n".encode()


def mint(port: int, admin_secret: str, count: int, first_user: int = 0) -> list[str]:
    """Credentials of `count` users from `first_user` on."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/admin/credentials",
        data=json.dumps({"count": count, "first_user": first_user}).encode(),
        headers={"Authorization": f"Bearer {admin_secret}"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return [minted["credential"] for minted in json.load(answer)["credentials"]]

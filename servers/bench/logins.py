"""What a login costs: time to mint it, bytes in the store, bytes in a server that saw it once.

One server mints; another serves every credential once, so that what it keeps (caches) is not mixed
up with what minting left behind. One run of each strategy, so no interval.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from servers.bench.contestants import bearer, mint
from servers.bench.keys import signing_key
from servers.bench.process import started
from servers.bench.store import own_store
from servers.strategy import StrategySpec, available, load

USUAL = 100_000
# The longest that minting USUAL credentials may take; an RSA signature costs a millisecond.
GOAL_S, RSA_GOAL_S = 10.0, 45.0
# Enough that both servers have everything loaded and their pools full.
_WARM = 1_000
_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Cost:
    """Of minting all logins, and of keeping one; `store_bytes` None: it has no store."""

    mint_s: float
    store_bytes: float | None
    process_bytes: float


def main(logins: int, say: Callable[[str], None]) -> int:
    """Says a line a strategy; 1 when minting missed its goal, which USUAL logins or more have."""
    say(f"{logins:,} logins, one run: minting, and bytes per login")
    say(f"  {'strategy':24}{'minted in':>10}{'goal':>8}{'store':>10}{'process':>10}")
    any_missed = False
    for name in available():
        spec = load(name)
        cost, goal_s = measure(spec, logins), _goal_s(spec, logins)
        missed = cost.mint_s > goal_s
        any_missed |= missed
        goal = "-" if math.isinf(goal_s) else f"{goal_s:.0f} s"
        store = "-" if cost.store_bytes is None else f"{round(cost.store_bytes):,} B"
        say(
            f"  {name:24}{cost.mint_s:8.1f} s{goal:>8}{store:>10}"
            f"{cost.process_bytes:8,.0f} B{'   MISSED' if missed else ''}"
        )
    return int(any_missed)


def _goal_s(spec: StrategySpec, logins: int) -> float:
    """Infinite for fewer than USUAL: too short to judge."""
    if logins < USUAL:
        return math.inf
    rsa = spec.key_kind(spec.options_type()) == "rsa"
    return (RSA_GOAL_S if rsa else GOAL_S) * logins / USUAL


def measure(spec: StrategySpec, logins: int) -> Cost:
    """Raises CannotRace where a server or a store does not start."""
    admin_secret = secrets.token_urlsafe(16)
    environment = {
        **os.environ,
        "AUTHBENCH_ADMIN_SECRET": admin_secret,
        "AUTHBENCH_SIGNING_KEY": signing_key(spec.key_kind(spec.options_type())),
    }
    with ExitStack() as stack:
        store = stack.enter_context(own_store()) if spec.needs_store else None
        command = _command(spec, logins, store)
        minting = stack.enter_context(started(command, environment))
        serving = stack.enter_context(started(command, environment))
        _use_each(serving.port, mint(minting.port, admin_secret, _WARM))
        stored_before, kept_before = _used_memory_bytes(store), _resident_bytes(serving.pid)
        began_s = time.perf_counter()
        credentials = mint(minting.port, admin_secret, logins, first_user=_WARM)
        mint_s = time.perf_counter() - began_s
        stored = _used_memory_bytes(store)
        _use_each(serving.port, credentials)
        kept = _resident_bytes(serving.pid)
    return Cost(
        mint_s,
        None if stored is None or stored_before is None else (stored - stored_before) / logins,
        (kept - kept_before) / logins,
    )


def _command(spec: StrategySpec, logins: int, store: str | None) -> list[str]:
    """A user a login, and caches that hold them all."""
    most = logins + _WARM
    command = ["servers", "--strategy", spec.name, "--exit-with-parent"]
    command += [f"--users={most}", f"--mint-max={max(most, USUAL)}"]
    if hasattr(spec.options_type(), "cache_entries"):
        command.append(f"--set=cache_entries={most}")
    return command if store is None else [*command, "--store", store]


def _use_each(port: int, credentials: list[str]) -> None:
    """One `GET /me` each, one after the other on one connection; all must be accepted."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for credential in credentials:
            connection.sendall(bearer(credential))
            answer = b""
            # Every answer is a small JSON object.
            while not answer.endswith(b"}"):
                received = connection.recv(_ANSWER_BYTES)
                if not received:
                    raise RuntimeError("the server closed the connection")
                answer += received
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"not a good answer: {answer[:200]!r}")


def _used_memory_bytes(store: str | None) -> int | None:
    if store is None:
        return None
    at = urlsplit(store)
    with socket.create_connection((at.hostname or "", at.port or 0)) as connection:
        connection.sendall(b"INFO memory\r\n")
        told = b""
        while not (found := re.search(rb"used_memory:(\d+)\r", told)):
            received = connection.recv(_ANSWER_BYTES)
            if not received:
                raise RuntimeError("the store closed the connection")
            told += received
    return int(found[1])


def _resident_bytes(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)

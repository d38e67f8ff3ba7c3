"""Stores for the whole run, and two replicas of every strategy that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from loadtests.store_server import RunningStore, start_store
from servers.strategies import _pushed_tokens
from servers.strategy import StrategySpec, available, load
from tests.servers.processes import CHEAP_LOGIN, Minted, Replica, replicas
from tests.servers.variants import QUICK, set_flags

# A law this short is waited for; beyond it, tests make logins that expire soon.
WAITED_FOR_S = 2.0


@dataclass(frozen=True)
class Arm:
    """Two replicas of one strategy; credentials are of users no other test has.

    `law` is what /readyz says of it.
    """

    spec: StrategySpec
    replicas: tuple[Replica, Replica]
    origin: str
    cookie_name: str
    law: dict[str, Any]
    _next_user: Iterator[int]

    @property
    def is_waited_for(self) -> bool:
        bound_s = self.law["bound_s"]
        return bound_s is not None and bound_s <= WAITED_FOR_S

    @property
    def first(self) -> Replica:
        return self.replicas[0]

    def next_user(self) -> int:
        """The number of a user that no other test has."""
        return next(self._next_user)

    def mint(self, ttl_s: float | None = None) -> Minted:
        return self.first.mint(first_user=self.next_user(), ttl_s=ttl_s)[0]

    def statuses(self, minted: Minted) -> set[int]:
        """What every replica says to the credential."""
        return {replica.me(minted.bearer).status for replica in self.replicas}


@pytest.fixture(scope="session")
def store() -> Iterator[RunningStore]:
    """Nobody asks it but the test under way."""
    with start_store() as running_store:
        yield running_store


@pytest.fixture(scope="session")
def store_of_arms() -> Iterator[RunningStore]:
    """Replicas ask it all the time, of the last arm even in tests that have none."""
    with start_store() as running_store:
        yield running_store


@pytest.fixture
def client(store: RunningStore) -> Iterator[Any]:
    """A client of the store that the asking module has, emptied: of the whole run's, or its own."""
    with redis.Redis.from_url(store.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session", params=available())
def arm(request: pytest.FixtureRequest, store_of_arms: RunningStore) -> Iterator[Arm]:
    name: str = request.param
    origin = "https://shop.example"
    at = ["--store", store_of_arms.url, "--key-prefix", f"{name}:"]
    flags = [*at, "--origin", origin, *CHEAP_LOGIN]
    with replicas(2, name, *flags, *set_flags(name, **QUICK)) as (one, other):
        ready = one.ask("GET", "/readyz").json
        users = iter(range(10_000))
        yield Arm(load(name), (one, other), origin, ready["cookie_name"], ready["law"], users)


@pytest.fixture
def granted_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens count as a minute older than they are: one of another store is then surely of one that
    was lost, and not of the next, of which a replica has not heard."""
    monkeypatch.setattr(_pushed_tokens, "CLOCKS_APART_S", -60.0)

"""One store for the whole run, and two replicas of every strategy that there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from loadtests.store_server import RunningStore, start_store
from servers.strategy import StrategySpec, available, load
from tests.servers.processes import CHEAP_LOGIN, Minted, Replica, replicas


@dataclass(frozen=True)
class Arm:
    """Two replicas of one strategy; credentials are of users no other test has."""

    spec: StrategySpec
    replicas: tuple[Replica, Replica]
    origin: str
    cookie_name: str
    _next_user: Iterator[int]

    @property
    def first(self) -> Replica:
        return self.replicas[0]

    def mint(self, ttl_s: float | None = None) -> Minted:
        return self.first.mint(first_user=next(self._next_user), ttl_s=ttl_s)[0]

    def statuses(self, minted: Minted) -> set[int]:
        """What every replica says to the credential."""
        return {replica.me(minted.bearer).status for replica in self.replicas}


@pytest.fixture(scope="session")
def store() -> Iterator[RunningStore]:
    with start_store() as running_store:
        yield running_store


@pytest.fixture(scope="session", params=available())
def arm(request: pytest.FixtureRequest, store: RunningStore) -> Iterator[Arm]:
    name: str = request.param
    origin = "https://shop.example"
    flags = ["--store", store.url, "--key-prefix", f"{name}:", "--origin", origin, *CHEAP_LOGIN]
    with replicas(2, name, *flags) as (one, other):
        ready = one.ask("GET", "/readyz").json
        yield Arm(load(name), (one, other), origin, ready["cookie_name"], iter(range(10_000)))

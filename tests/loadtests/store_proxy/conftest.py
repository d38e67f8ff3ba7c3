from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadtests.store_proxy import RunningProxy, start_proxy
from loadtests.store_server import RunningStore, start_store


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    with start_store() as running:
        yield running


@pytest.fixture
def proxy(store: RunningStore) -> Iterator[RunningProxy]:
    with start_proxy(store.url) as running:
        yield running

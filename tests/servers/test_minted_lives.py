"""Tokens minted for load outlive the law, which says so; nobody who asks for a life gets more."""

from __future__ import annotations

from typing import Any

import pytest

from loadtests.store_server import RunningStore
from servers.strategy import load
from tests.servers.processes import CHEAP_LOGIN, replicas
from tests.servers.variants import having, set_flags

MINTED_TTL_S = 1_000
LIFE = ("token_ttl_s", "access_ttl_s")


def options_of(name: str, **values: Any) -> Any:
    spec = load(name)
    life = next(each for each in LIFE if hasattr(spec.options_type(), each))
    return spec.options_type(**{life: 3}, **values)


@pytest.mark.parametrize("name", having("minted_ttl_s"))
def test_the_law_excepts_them_where_it_is_about_expiry(name: str) -> None:
    law = load(name).law
    usual, minted = options_of(name), options_of(name, minted_ttl_s=MINTED_TTL_S)
    assert law(minted).bound_s == law(usual).bound_s
    is_about_expiry = law(usual).bound_s == 3
    assert ("minted for load live 1000 s" in law(minted).sentence) == is_about_expiry
    assert "minted" not in law(usual).sentence


@pytest.mark.parametrize("name", having("minted_ttl_s"))
def test_only_a_life_that_nobody_asked_for_is_longer(name: str, store: RunningStore) -> None:
    lives = {"token_ttl_s": 3, "access_ttl_s": 3, "minted_ttl_s": MINTED_TTL_S}
    store_flags = ("--store", store.url, "--key-prefix", f"minted:{name}:")
    flags = store_flags if load(name).needs_store else ()
    with replicas(1, name, *flags, *CHEAP_LOGIN, *set_flags(name, **lives)) as (server,):
        (minted,), (asked,) = server.mint(1), server.mint(1, ttl_s=2)
        assert (minted.expires_in, asked.expires_in) == (MINTED_TTL_S, 2)
        refused = server.admin("credentials", {"count": 1, "ttl_s": 4})
        assert (refused.status, "from 1 to 3" in refused.json["message"]) == (400, True)
        assert server.me(minted.bearer).status == 200


@pytest.mark.parametrize("name", [each for each in having("minted_ttl_s") if "denylist" in each])
def test_revocations_of_them_are_remembered_for_as_long(name: str) -> None:
    assert options_of(name).memory.token_ttl_s == 3
    assert options_of(name, minted_ttl_s=MINTED_TTL_S).memory.token_ttl_s == MINTED_TTL_S

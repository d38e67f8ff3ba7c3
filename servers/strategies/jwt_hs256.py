"""Self-contained tokens signed with HMAC-SHA256: no look-up, no way to take one back.

login      signs a token that carries user, role, login id (`sid`) and state
request    checks signature, expiry, issuer, audience and type; asks nobody
logout     does nothing on the server: the token stays good until it expires
kick       does nothing on the server
law        the rest of the token's life: `token_ttl_s` + `clock_leeway_s`
store      none; nothing is stored per login, state travels in a re-issued token
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._jwt import Key, TokenSettings, TokenStrategy
from servers.strategy import CarrierName, Context, Law

NATURAL_CARRIER: CarrierName = "bearer"


@dataclass(frozen=True, slots=True)
class Options:
    """`clock_leeway_s` forgives clocks that differ: a token is good that much longer."""

    token_ttl_s: int = 900
    clock_leeway_s: float = 0.0
    issuer: str = "authbench"
    audience: str = "authbench-api"


def law(options: Options) -> Law:
    bound_s = options.token_ttl_s + options.clock_leeway_s
    return Law(
        bound_s=bound_s,
        sentence=f"when the token expires: up to {bound_s:g} s after the acknowledgement",
        store_down="unaffected: it has no store",
        store_back="unaffected: it has no store",
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[TokenStrategy]:
    key = context.settings.signing_key
    options: Options = context.options
    settings = TokenSettings(
        issuer=options.issuer,
        audience=options.audience,
        token_ttl_s=options.token_ttl_s,
        clock_leeway_s=options.clock_leeway_s,
    )
    yield TokenStrategy(Key("HS256", signing=key, verifying=key), settings)

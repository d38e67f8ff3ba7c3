"""Self-contained tokens signed with HMAC-SHA256: no look-up, no way to take one back.

login      signs a token that carries user, role, login id (`sid`) and state
request    checks signature, expiry, issuer, audience and type; asks nobody
logout     does nothing on the server: the token stays good until it expires
kick       does nothing on the server
role       cannot be changed before the token expires (409)
law        the rest of the token's life: `token_ttl_s` + `clock_leeway_s`
store      none; nothing is stored per login, state travels in a re-issued token
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._keys import open_codec
from servers.strategies._tokens import TokenOptions, TokenStrategy, expiry_law
from servers.strategy import CarrierName, Context, Law

NATURAL_CARRIER: CarrierName = "bearer"


@dataclass(frozen=True, slots=True)
class Options(TokenOptions):
    """Those of every token."""


def law(options: Options) -> Law:
    return expiry_law(options)


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[TokenStrategy]:
    yield TokenStrategy(open_codec(context, "HS256"), context.options.settings)

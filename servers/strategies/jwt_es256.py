"""Self-contained tokens signed with ECDSA on P-256: the public key is enough to check one.

login      signs a token that carries user, role, login id (`sid`) and state
request    checks signature, expiry, issuer, audience and type; asks nobody
logout     does nothing on the server: the token stays good until it expires
kick       does nothing on the server
role       cannot be changed before the token expires (409)
law        the rest of the token's life: `token_ttl_s` + `clock_leeway_s`
store      none; nothing is stored per login, state travels in a re-issued token

The public keys stand at /.well-known/jwks.json; a token names its own by `kid`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._keys import KEY_KINDS, open_codec
from servers.strategies._tokens import TokenOptions, TokenStrategy, expiry_law
from servers.strategy import CarrierName, Context, KeyKind, Law

NATURAL_CARRIER: CarrierName = "bearer"


@dataclass(frozen=True, slots=True)
class Options(TokenOptions):
    """Those of every token."""


def law(options: Options) -> Law:
    return expiry_law(options)


def key_kind(_: Options) -> KeyKind:
    return KEY_KINDS["ES256"]


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[TokenStrategy]:
    yield TokenStrategy(open_codec(context, "ES256"), context.options.settings)

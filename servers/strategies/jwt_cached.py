"""Self-contained tokens, any algorithm; a token verified before is known again at once.

login      signs a token that carries user, role, login id (`sid`) and state
request    looks the exact token up among those verified here; an unknown one is checked as ever
logout     does nothing on the server: the token stays good until it expires
kick       does nothing on the server
role       cannot be changed before the token expires (409)
law        the rest of the token's life: `token_ttl_s` + `clock_leeway_s`; the cache adds nothing
store      none; a replica remembers up to `cache_entries` tokens, least recently used out first

The public keys, where the algorithm has such, stand at /.well-known/jwks.json.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.settings import SettingsError
from servers.strategies._keys import KEY_KINDS, Algorithm, open_codec
from servers.strategies._token_cache import VerifiedTokens
from servers.strategies._tokens import TokenOptions, TokenStrategy, expiry_law
from servers.strategy import CarrierName, Context, KeyKind, Law

NATURAL_CARRIER: CarrierName = "bearer"


@dataclass(frozen=True, slots=True)
class Options(TokenOptions):
    """`algorithm` as in RFC 7518 §3.1 and RFC 8037 §3.1."""

    algorithm: Algorithm = "HS256"
    cache_entries: int = 65_536

    def __post_init__(self) -> None:
        if self.cache_entries < 1:
            raise SettingsError(
                f"--set cache_entries={self.cache_entries}: allowed is a whole number of at least 1"
            )


def law(options: Options) -> Law:
    return expiry_law(options)


def key_kind(options: Options) -> KeyKind:
    return KEY_KINDS[options.algorithm]


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[TokenStrategy]:
    options: Options = context.options
    codec = open_codec(context, options.algorithm)
    cache = VerifiedTokens(codec, options.cache_entries, options.clock_leeway_s)
    yield TokenStrategy(codec, options.settings, cache)

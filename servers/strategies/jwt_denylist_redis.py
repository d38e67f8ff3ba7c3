"""Tokens (HS256) and one look-up per request: was this login, or its user, revoked?

login      takes an epoch, the user's role and the store's generation; signs a token of them
request    checks the token, then one MGET: generation, denied login, epochs, role
logout     denies the login (`sid`) until its last token expires
kick       puts the user to the next epoch
role       a key that overrides what tokens say
law        at once, unless `on_store_down` or `on_store_loss` is "accept"
store      one small key per revocation, until no token it concerns can live; down: 503
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from servers.strategies._redis import EVERYSEC_UNDOES_S, open_store
from servers.strategies._revocable_tokens import (
    EVERYSEC,
    RevocableOptions,
    RevocableTokens,
    register,
    revocable_codec,
)
from servers.strategies._revocation_view import LossPolicy, admitted
from servers.strategies._revocations import Revocations
from servers.strategies._tokens import but_minted
from servers.strategy import CarrierName, Context, Effect, Identity, Law, StoreUnavailable

NATURAL_CARRIER: CarrierName = "bearer"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(RevocableOptions):
    """`on_store_down`: what becomes of tokens while nobody can say whether they were revoked."""

    on_store_down: Literal["refuse", "accept"] = "refuse"
    on_store_loss: LossPolicy = "reject"


def law(options: Options) -> Law:
    until = f"until the token expires, up to {options.until_expiry_s:g} s"
    sentence = "at once: no request sent after the acknowledgement is accepted"
    down = "every request is answered 503 with Retry-After, within the store's deadline"
    lost = "every login a lost store granted must be made again"
    if options.on_store_down == "accept":
        sentence += f"; while the store is down revoked logins are good again {until}"
        down = "tokens are served unchecked; login, logout and kick 503"
    if options.on_store_loss == "accept":
        sentence += f"; where the store loses its data revoked logins are good again {until}"
        lost = "logins a lost store granted stay good, and those it had revoked are good again"
    is_strict = (options.on_store_down, options.on_store_loss) == ("refuse", "reject")
    if not is_strict:
        sentence += but_minted(options.minted_ttl_s)
    return Law(
        bound_s=0.0 if is_strict else options.until_expiry_s,
        sentence=sentence,
        store_down=down,
        store_back=f"works again by itself; {lost}; {EVERYSEC}",
        down="at_once" if options.on_store_down == "refuse" else "serves",
        survivors="refuse" if options.on_store_loss == "reject" else "serve",
        everysec_undoes_s=EVERYSEC_UNDOES_S,
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[LookedUpTokens]:
    async with open_store(context.settings) as store:
        yield LookedUpTokens(context, register(context, store, "keys"))


class LookedUpTokens(RevocableTokens):
    """Remembers nothing: the store is asked about every token."""

    def __init__(self, context: Context, revocations: Revocations) -> None:
        options: Options = context.options
        codec = revocable_codec(context)
        effect = Effect(law(options).bound_s)
        super().__init__(codec, options.settings, revocations, effect, options.on_store_loss)
        self._options = options

    async def verify(self, credential: str) -> Identity:
        claims = self._decode(credential)
        try:
            known = await self._revocations.look_up(claims["sub"], claims["sid"])
        except StoreUnavailable:
            if self._options.on_store_down == "refuse":
                raise
            return Identity(claims["sub"], claims["role"], claims["sid"], claims["state"], claims)
        return admitted(
            claims,
            generation=known.generation,
            least_epoch=known.least_epoch,
            is_denied=known.is_denied,
            role=known.role,
            on_store_loss=self._options.on_store_loss,
        )

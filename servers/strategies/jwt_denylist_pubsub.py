"""Tokens (HS256) and a list of revoked ones in each replica, fed by pub/sub: the naive design.

login      takes an epoch and the user's role from the store; signs a token of them
request    checks the token, then a set in memory; asks nobody
logout     denies the login (`sid`), published on a channel
kick       puts the user to the next epoch, published likewise
role       published likewise; overrides what tokens say
law        none but the token's life, `token_ttl_s` + `clock_leeway_s`: a replica that does not
           listen for a moment, or starts later, never hears what was published meanwhile
store      one small key per kicked user; down: requests go on, blind to revocations; login 503

Kept because it is widely built, and loses revocations without a sign.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._follower import following
from servers.strategies._redis import open_store
from servers.strategies._revocable_tokens import (
    RevocableOptions,
    ViewedTokens,
    register,
    revocable_codec,
)
from servers.strategies._revocation_channel import RevocationChannel
from servers.strategies._revocation_view import RevocationView
from servers.strategies._tokens import but_minted
from servers.strategy import CarrierName, Context, Effect, Law

NATURAL_CARRIER: CarrierName = "bearer"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(RevocableOptions):
    """Those of every revocable token."""


def law(options: Options) -> Law:
    bound_s = options.until_expiry_s
    return Law(
        bound_s=bound_s,
        sentence=(
            f"when the token expires: up to {bound_s:g} s after the acknowledgement; usually as "
            "soon as the message arrives, and at once on the replica that took it"
        )
        + but_minted(options.minted_ttl_s),
        store_down="tokens are served, blind to revocations; login, logout and kick 503",
        store_back=(
            "works again by itself; what was revoked meanwhile, or before a replica started, it "
            "never hears of"
        ),
        # It cannot tell that a store was lost, nor that nobody speaks to it.
        down="serves",
        survivors="serve",
        hears_by="channel",
        unheard="serves",
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[ViewedTokens]:
    options: Options = context.options
    settings, codec = context.settings, revocable_codec(context)
    async with open_store(settings) as store:
        revocations = register(context, store, "channel")
        # It never learns the store's generation, so it cannot tell that one was lost.
        view = RevocationView(options.memory, "accept")
        channel = RevocationChannel(store, revocations.base, settings.store_deadline_s, view)
        effect = Effect(options.until_expiry_s)
        async with following(channel, settings, by="SUBSCRIBE"):
            yield ViewedTokens(codec, options.settings, revocations, effect, view, channel)

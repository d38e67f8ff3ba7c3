"""Tokens (HS256) and a counter per user in each replica: whoever is kicked counts on.

login      takes an epoch, the user's role and the store's generation; signs a token of them
request    checks the token, then compares its epoch with the user's in memory; asks nobody
logout     as a kick: the counter knows no single login, so all of the user's end
kick       puts the user to the next epoch; appended to a Redis Stream
role       appended likewise; overrides what tokens say
law        `staleness_s`: an older proof that nothing was missed, and nothing is served;
           0 on the replica that took the revocation
store      one stream entry per revocation, trimmed when no token it concerns can live; one small
           key per kicked user until then; down: requests go on for `staleness_s`, then 503

A replica reads the stream from its start before it is ready, then follows it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from servers.strategies._pushed_tokens import PushedOptions, PushedTokens, open_pushed, pushed_law
from servers.strategy import CarrierName, Context, Effect, Identity, Law, Strategy

NATURAL_CARRIER: CarrierName = "bearer"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(PushedOptions):
    """Those of every pushed token."""


def law(options: Options) -> Law:
    return pushed_law(options)


def open_strategy(context: Context) -> AbstractAsyncContextManager[Strategy]:
    return open_pushed(context, CountedTokens)


class CountedTokens(PushedTokens):
    """Knows users, and no single login."""

    async def logout(self, identity: Identity) -> Effect:
        return await self.revoke_user(identity.user_id)

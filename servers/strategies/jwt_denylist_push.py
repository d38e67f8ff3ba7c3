"""Tokens (HS256) and a list of revoked ones in each replica, fed by a log that is never missed.

login      takes an epoch, the user's role and the store's generation; signs a token of them
request    checks the token, then a set in memory; asks nobody
logout     denies the login (`sid`) until its last token expires; appended to a Redis Stream
kick       puts the user to the next epoch; appended likewise
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

from servers.strategies._pushed_tokens import PushedOptions, open_pushed, pushed_law
from servers.strategy import CarrierName, Context, Law, Strategy

NATURAL_CARRIER: CarrierName = "bearer"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(PushedOptions):
    """Those of every pushed token."""


def law(options: Options) -> Law:
    return pushed_law(options)


def open_strategy(context: Context) -> AbstractAsyncContextManager[Strategy]:
    return open_pushed(context)

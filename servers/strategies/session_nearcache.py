"""Server-side sessions behind a local cache that asks Redis again after `cache_ttl_s`.

login      stores the session under a random 128-bit id and notes the id in the user's index
request    from the cache, for `cache_ttl_s` after the look-up was sent; else GETEX, which renews
           the idle life: a session may end that much earlier than its last request promises
logout     deletes it; the replica that did so forgets it at once, others in time
kick       deletes every session in the user's index, in one script; forgotten likewise
role       rewritten in every session of the user, in one script; forgotten likewise
law        `cache_ttl_s`, whatever happens to store or network: hits never extend it
store      one string and one sorted-set member per login; down: cached ones, then 503
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.strategies._cached_sessions import CachedSessions, check_cache
from servers.strategies._redis import Store, open_store
from servers.strategies._session_cache import on_monotonic_clock
from servers.strategies._sessions import AT_ONCE, SessionOptions, refuse_malformed
from servers.strategy import CarrierName, Context, Identity, Law, Rejected

NATURAL_CARRIER: CarrierName = "cookie"
NEEDS_STORE = True


@dataclass(frozen=True, slots=True)
class Options(SessionOptions):
    """`cache_ttl_s`: how long a look-up is good for, counted from its sending."""

    cache_ttl_s: float = 1.0
    cache_entries: int = 65_536

    def __post_init__(self) -> None:
        check_cache("cache_ttl_s", self.cache_ttl_s, self.idle_ttl_s, self.cache_entries)


def law(options: Options) -> Law:
    return Law(
        bound_s=options.cache_ttl_s,
        sentence=(
            f"within {options.cache_ttl_s:g} s, when the caches of other replicas have asked "
            "again; at once on the replica that took it"
        ),
        store_down=(
            f"what was looked up within the last {options.cache_ttl_s:g} s is served; every "
            "other request is answered 503 with Retry-After, within the store's deadline"
        ),
        store_back=AT_ONCE.store_back,
        down="within_law",
        survivors="refuse",
        everysec_undoes_s=AT_ONCE.everysec_undoes_s,
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[NearCachedSessions]:
    async with open_store(context.settings) as store:
        yield NearCachedSessions(store, context.options, context.settings.key_prefix)


class NearCachedSessions(CachedSessions):
    """Asks the store about a session at most once in `cache_ttl_s`."""

    def __init__(self, store: Store, options: Options, key_prefix: str) -> None:
        super().__init__(store, options, key_prefix, options.cache_ttl_s, options.cache_entries)
        self._cache_ttl_s = options.cache_ttl_s

    async def verify(self, credential: str) -> Identity:
        now_s = time.monotonic()
        identity = self._cache.get(credential, now_s)
        return identity if identity is not None else await self._look_up(credential, now_s)

    async def _look_up(self, credential: str, sent_s: float) -> Identity:
        refuse_malformed(credential)
        announcement = self._cache.announce(credential)
        try:
            value = await self._store.within_deadline(
                self._store.command, "GETEX", self._key_of(credential), "PX", self._idle_ms
            )
            if value is None:
                self._cache.forget([credential])
                raise Rejected("unknown_session")
            identity, ends_s = self._identity(credential, value)
            # The idle life, renewed after `sent_s`, lasts at least as long.
            good_until_s = min(sent_s + self._cache_ttl_s, on_monotonic_clock(ends_s))
            self._cache.fill(credential, announcement, good_until_s, identity)
        finally:
            self._cache.withdraw(credential, announcement)
        return identity

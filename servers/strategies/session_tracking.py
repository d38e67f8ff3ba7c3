"""Server-side sessions behind a local cache that Redis itself keeps current: client tracking.

login      stores the session under a random 128-bit id and notes the id in the user's index
request    from the cache while the store's announcements are proven to be heard; else one script
           reads the session, and renews its idle life once less than 3/4 of it is left
logout     deletes it; the store announces that to every replica
kick       deletes every session in the user's index, in one script; announced likewise
role       rewritten in every session of the user, in one script; announced likewise
law        `staleness_s`: an older proof of currency, and nothing is served from the cache;
           0 on the replica that took the revocation
store      one string and one sorted-set member per login; down: cached ones, then 503

Each login, renewal and written state is announced to every replica, so their cost grows with the
number of replicas. As hits renew nothing, an idle session lives 3/4 to all of `idle_ttl_s`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.settings import SettingsError
from servers.strategies._cached_sessions import CachedSessions, check_cache
from servers.strategies._follower import following
from servers.strategies._redis import Store, open_store
from servers.strategies._session_cache import UNANNOUNCED, on_monotonic_clock
from servers.strategies._session_scripts import LOOK_UP_LAZILY
from servers.strategies._sessions import AT_ONCE, SessionOptions, refuse_malformed
from servers.strategies._tracking import Tracking
from servers.strategies._user_keys import TAG_CHARS
from servers.strategy import CarrierName, Context, Identity, Law, Rejected

NATURAL_CARRIER: CarrierName = "cookie"
NEEDS_STORE = True

# Four pings are sent within it; with less the store would do little else.
LEAST_STALENESS_S = 0.01


@dataclass(frozen=True, slots=True)
class Options(SessionOptions):
    """`staleness_s`: how old the proof of currency may be for the cache to be used."""

    staleness_s: float = 1.0
    cache_entries: int = 65_536

    def __post_init__(self) -> None:
        if self.staleness_s < LEAST_STALENESS_S:
            raise SettingsError(
                f"--set staleness_s={self.staleness_s:g}: allowed is at least {LEAST_STALENESS_S:g}"
            )
        check_cache("staleness_s", self.staleness_s, self.idle_ttl_s, self.cache_entries)


def law(options: Options) -> Law:
    return Law(
        bound_s=options.staleness_s,
        sentence=(
            f"as soon as the store's announcement arrives, within {options.staleness_s:g} s at "
            "most; at once on the replica that took it"
        ),
        store_down=(
            f"cached sessions are served for at most {options.staleness_s:g} s, and no longer "
            "than the connection stands; every other request is answered 503 with Retry-After, "
            "within the store's deadline"
        ),
        store_back=AT_ONCE.store_back,
        down="within_law",
        survivors="refuse",
        hears_by="tracking",
        # Every request then asks the store.
        unheard="serves",
        everysec_undoes_s=AT_ONCE.everysec_undoes_s,
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[TrackedSessions]:
    settings = context.settings
    async with open_store(settings) as store:
        strategy = TrackedSessions(
            store, context.options, settings.key_prefix, settings.store_deadline_s
        )
        async with following(strategy.tracking, settings, by="CLIENT TRACKING"):
            yield strategy


class TrackedSessions(CachedSessions):
    """Serves what it remembers while it is proven to hear of every change."""

    def __init__(
        self, store: Store, options: Options, key_prefix: str, store_deadline_s: float
    ) -> None:
        super().__init__(store, options, key_prefix, options.staleness_s, options.cache_entries)
        self._staleness_s = options.staleness_s
        self._least_left_ms = self._idle_ms * 3 // 4
        self._script = store.client.register_script(LOOK_UP_LAZILY)
        self._tag_start = len(self._session_key.encode()) + len("{")
        self._renewals = 0
        self.tracking = Tracking(
            store, self._session_key, options.staleness_s, store_deadline_s, self
        )

    async def verify(self, credential: str) -> Identity:
        now_s = time.monotonic()
        is_current = now_s - self.tracking.proof_s <= self._staleness_s
        if is_current:
            identity = self._cache.get(credential, now_s)
            if identity is not None:
                return identity
        else:
            self._cache.misses += 1
        return await self._look_up(credential, now_s, may_keep=is_current)

    async def _look_up(self, credential: str, sent_s: float, *, may_keep: bool) -> Identity:
        refuse_malformed(credential)
        announcement = self._cache.announce(credential) if may_keep else UNANNOUNCED
        try:
            found = await self._store.within_deadline(
                self._script,
                keys=[self._key_of(credential)],
                args=[self._idle_ms, self._least_left_ms],
            )
            if found is None:
                self._cache.forget([credential])
                raise Rejected("unknown_session")
            value, left_ms, was_renewed = found
            self._renewals += was_renewed
            identity, ends_s = self._identity(credential, value)
            # When renewal is due it counts as a miss, long before its idle life ends.
            renewal_s = sent_s + (left_ms - self._least_left_ms) / 1_000
            good_until_s = min(renewal_s, on_monotonic_clock(ends_s))
            self._cache.fill(credential, announcement, good_until_s, identity)
        finally:
            self._cache.withdraw(credential, announcement)
        return identity

    def keys_changed(self, keys: list[bytes]) -> None:
        """The store announced these keys."""
        self._cache.forget([self._credential_of(key) for key in keys])

    def all_changed(self) -> None:
        """The store was flushed, or its announcements are no longer heard."""
        self._cache.forget_all()

    def counters(self) -> Mapping[str, int]:
        return {
            **super().counters(),
            "renewals": self._renewals,
            "invalidations": self.tracking.invalidations,
            "flushes": self.tracking.flushes,
            "lost_connections": self.tracking.lost_connections,
        }

    def _credential_of(self, key: bytes) -> str:
        """The reverse of `_key_of`; of a key that is no session's, what is no credential."""
        tag_end = self._tag_start + TAG_CHARS
        return (key[self._tag_start : tag_end] + key[tag_end + len("}") :]).decode("latin-1")

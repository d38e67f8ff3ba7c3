"""Sessions that a replica remembers for a while; how long is what its strategies differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from servers.settings import SettingsError
from servers.strategies._redis import Store
from servers.strategies._session_cache import SessionCache
from servers.strategies._sessions import SessionOptions, Sessions
from servers.strategy import Effect


class CachedSessions(Sessions):
    """Forgets at once what this replica ended; other replicas may serve it for `bound_s`."""

    def __init__(
        self,
        store: Store,
        options: SessionOptions,
        key_prefix: str,
        bound_s: float,
        cache_entries: int,
    ) -> None:
        super().__init__(store, options, key_prefix, Effect(bound_s))
        self._cache = SessionCache(cache_entries)

    def counters(self) -> Mapping[str, int]:
        return {"cache_hits": self._cache.hits, "cache_misses": self._cache.misses}

    def _forget(self, credentials: Iterable[str]) -> None:
        self._cache.forget(credentials)

    def _forget_tag(self, tag: str) -> None:
        self._cache.forget_starting(tag)

    def _forget_all(self) -> None:
        self._cache.forget_all()


def check_cache(bound_name: str, bound_s: float, idle_ttl_s: float, cache_entries: int) -> None:
    """Raises SettingsError for a bound that outlives idle sessions, and for no cache at all."""
    if bound_s > idle_ttl_s:
        raise SettingsError(
            f"--set {bound_name}={bound_s:g}: allowed is at most idle_ttl_s = {idle_ttl_s:g}"
        )
    if cache_entries < 1:
        raise SettingsError(
            f"--set cache_entries={cache_entries}: allowed is a whole number of at least 1"
        )

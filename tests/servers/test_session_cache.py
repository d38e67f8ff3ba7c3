"""The cache that session strategies share: what it keeps, for how long, and what it must not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from servers.settings import SettingsError
from servers.strategies._cached_sessions import check_cache
from servers.strategies._session_cache import UNANNOUNCED, SessionCache, on_monotonic_clock
from servers.strategy import Identity


def identity(sid: str) -> Identity:
    return Identity("user-000001", "member", sid, {}, {})


def filled(cache: SessionCache, *credentials: str, good_until_s: float = 100.0) -> SessionCache:
    for credential in credentials:
        announcement = cache.announce(credential)
        cache.fill(credential, announcement, good_until_s, identity(credential))
        cache.withdraw(credential, announcement)
    return cache


def known(cache: SessionCache, *credentials: str) -> list[bool]:
    return [cache.get(credential, 0.0) is not None for credential in credentials]


def test_an_entry_ends_when_it_should_however_often_it_is_hit() -> None:
    cache = filled(SessionCache(2), "a", good_until_s=10.0)
    assert [cache.get("a", now_s) is not None for now_s in (0.0, 5.0, 9.999, 10.0)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert (cache.hits, cache.misses) == (3, 1)


def test_the_least_recently_used_goes_first() -> None:
    cache = filled(SessionCache(2), "a", "b")
    cache.get("a", 0.0)
    filled(cache, "c")
    assert known(cache, "a", "b", "c") == [True, False, True]
    assert len(cache) == 2


def test_look_ups_that_find_nothing_push_nobody_out() -> None:
    cache = filled(SessionCache(2), "a", "b")
    announced = [(made_up, cache.announce(made_up)) for made_up in "cdef"]
    for made_up, announcement in announced:
        cache.withdraw(made_up, announcement)
    assert known(cache, "a", "b") == [True, True]


@pytest.mark.parametrize(
    "forget",
    [
        lambda cache: cache.forget(["a"]),
        lambda cache: cache.forget_starting("a"),
        lambda cache: cache.forget_all(),
    ],
)
def test_a_look_up_that_was_overtaken_fills_nothing(forget: Callable[[SessionCache], None]) -> None:
    cache = filled(SessionCache(2), "a")
    announcement = cache.announce("a")
    forget(cache)
    assert known(cache, "a") == [False]
    # A look-up sent since may fill, and only that one.
    since = cache.announce("a")
    cache.fill("a", announcement, 100.0, identity("overtaken"))
    cache.withdraw("a", announcement)
    assert known(cache, "a") == [False]
    cache.fill("a", since, 100.0, identity("current"))
    assert known(cache, "a") == [True]


def test_a_look_up_that_was_not_announced_fills_nothing() -> None:
    cache = SessionCache(2)
    cache.fill("a", UNANNOUNCED, 100.0, identity("a"))
    cache.withdraw("a", UNANNOUNCED)
    assert known(cache, "a") == [False]


def test_of_look_ups_side_by_side_the_first_fills() -> None:
    cache = SessionCache(2)
    first, second = cache.announce("a"), cache.announce("a")
    cache.fill("a", first, 100.0, identity("first"))
    cache.withdraw("a", first)
    cache.forget(["a"])
    cache.fill("a", second, 100.0, identity("second"))
    cache.withdraw("a", second)
    assert known(cache, "a") == [False]


def test_others_are_not_forgotten() -> None:
    cache = filled(SessionCache(3), "a1", "a2", "b1")
    cache.forget(["a1"])
    assert known(cache, "a1", "a2", "b1") == [False, True, True]
    cache.forget_starting("a")
    assert known(cache, "a2", "b1") == [False, True]


def test_a_moment_on_the_other_clock() -> None:
    wall_s, moment_s = time.time(), time.monotonic()
    assert on_monotonic_clock(wall_s + 5) == pytest.approx(moment_s + 5, abs=0.5)


@pytest.mark.parametrize(
    ("bound_s", "entries", "message"),
    [
        (5.5, 1, "--set cache_ttl_s=5.5: allowed is at most idle_ttl_s = 2"),
        (2.0, 0, "--set cache_entries=0: allowed is a whole number of at least 1"),
    ],
)
def test_contradictions_are_refused(bound_s: float, entries: int, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_cache("cache_ttl_s", bound_s, 2.0, entries)
    assert str(refused.value) == message


def test_the_longest_and_the_smallest_are_allowed() -> None:
    check_cache("cache_ttl_s", 2.0, 2.0, 1)

"""Hostile credentials: none is accepted, none is a 5xx. A share here, all of it by `make fuzz`."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.store_server import RunningStore
from servers.strategy import available
from tests.servers.conftest import Arm
from tests.servers.fuzz_targets import Family, Wire, fuzz_in_process, is_known_user, shards
from tests.servers.fuzzing import Mutations

FULL = os.environ.get("AUTHBENCH_FUZZ") == "full"
OVER_HTTP = 20_000 if FULL else 300
IN_PROCESS = 1_000_000 if FULL else 2_000
SHARD = 50_000
TEXT = r"[A-Za-z0-9_.-]{1,40}"
FAMILIES = [
    Family("user id", "none"),
    Family("session", "session_redis"),
    Family("HS256", "jwt_hs256"),
    Family("RS256", "jwt_rs256"),
    Family("ES256", "jwt_es256"),
    Family("EdDSA", "jwt_eddsa"),
    Family("cached", "jwt_cached"),
    Family("revocable", "jwt_denylist_push"),
    Family("refresh", "jwt_refresh", of_refresh=True),
]
# Minutes at the longest, hang or not.
pytestmark = [pytest.mark.timeout(1_800 if FULL else 60), pytest.mark.alone]


def report(capsys: pytest.CaptureFixture[str], what: str, began_s: float, said: object) -> None:
    if FULL:
        with capsys.disabled():
            os.write(1, f"\n{what}: {said} in {time.monotonic() - began_s:.0f} s".encode())


def test_over_http(arm: Arm, capsys: pytest.CaptureFixture[str]) -> None:
    began_s = time.monotonic()
    minted = [arm.mint() for _ in range(10)]
    good = [each.credential for each in minted]
    statuses: Counter[int] = Counter()
    with Wire(arm.first) as wire:
        for octets in Mutations(good, seed=1).take(OVER_HTTP):
            status = wire.status(b"Authorization: Bearer " + octets + b"\r\n")
            statuses[status] += 1
            if status == 200:
                assert arm.spec.trusts_anyone, octets
                assert is_known_user(octets), octets
            else:
                assert 400 <= status < 500, octets
    assert {status for each in minted for status in arm.statuses(each)} == {200}
    report(capsys, f"{arm.spec.name} over HTTP", began_s, dict(statuses))


def test_over_http_in_a_cookie(arm: Arm) -> None:
    good = [arm.mint().credential for _ in range(5)]
    name = arm.cookie_name.encode()
    with Wire(arm.replicas[1]) as wire:
        for octets in Mutations(good, seed=2).take(OVER_HTTP // 10):
            # A cookie ends there.
            value = octets.partition(b";")[0]
            status = wire.status(b"Cookie: " + name + b"=" + value + b"\r\n")
            accepted = value.strip(b" \t").decode("ascii", "replace") in good
            if status == 200:
                assert accepted or (arm.spec.trusts_anyone and is_known_user(value)), octets
            else:
                assert 400 <= status < 500, octets


@pytest.mark.parametrize("arm", ["session_redis"], indirect=True)
@pytest.mark.parametrize("before", ["\u00a0", "\u2000", "\u3000", "\x85"])
def test_a_cookie_that_only_looks_like_ours_is_not(arm: Arm, before: str) -> None:
    """Browsers guard the prefix __Host- of a name that begins with it, and of no other."""
    with Wire(arm.first) as wire:
        cookie = f"Cookie: {before}{arm.cookie_name}={arm.mint().credential}\r\n"
        assert wire.status(cookie.encode()) == 401


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_in_process(
    family: Family, store: RunningStore, capsys: pytest.CaptureFixture[str]
) -> None:
    if family.strategy not in available():
        pytest.skip(f"there is no {family.strategy}")
    began_s = time.monotonic()
    counts: Counter[str] = Counter()
    if FULL:
        # Spawned: a forked child would share what this process has open.
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
            work = partial(_fuzz_shard, family, store.url)
            for each in processes.map(work, shards(IN_PROCESS, SHARD)):
                counts += each
    else:
        counts = _fuzz_shard(family, store.url, (1, IN_PROCESS))
    assert counts.total() == IN_PROCESS
    report(capsys, f"{family.name} in process", began_s, dict(counts.most_common()))


def _fuzz_shard(family: Family, store_url: str, shard: tuple[int, int]) -> Counter[str]:
    return asyncio.run(fuzz_in_process(family, store_url, *shard))


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**63), good=st.lists(st.from_regex(TEXT, fullmatch=True), min_size=1))
def test_the_fuzzer_takes_any_text_and_repeats_itself(seed: int, good: list[str]) -> None:
    once, again = (list(Mutations(good, seed).take(5)) for _ in range(2))
    assert once == again
    for octets in once:
        assert octets.strip(b" \t") not in {text.encode() for text in good}
        assert not set(octets) & set(b"\r\n")

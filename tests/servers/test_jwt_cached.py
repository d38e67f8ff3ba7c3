"""What jwt_cached remembers, for how long, and that nothing a request does alters it."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from servers.__main__ import main
from servers.flags import parse_settings
from servers.strategies import _token_cache
from servers.strategies._token_cache import VerifiedTokens, remembering
from servers.strategies._tokens import TokenStrategy
from servers.strategies.jwt_cached import Options, key_kind, law, open_strategy
from servers.strategy import Context, Rejected
from servers.users import Directory, User
from tests.servers.processes import await_listening, launched

USER = User("user-000001", "member")
EXP_S = 1_000


class Counting:
    """A decoder whose tokens are words that are all good until `EXP_S`, but for those told."""

    def __init__(self, *bad: str) -> None:
        self.asked: list[str] = []
        self._bad = bad

    def decode(self, token: str) -> dict[str, Any]:
        self.asked.append(token)
        if token in self._bad:
            raise Rejected("invalid_token")
        return {"exp": EXP_S, "token": token}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The cache's clock stands at `now_s`."""
    clock = SimpleNamespace(now_s=0.0)
    clock.time = lambda: clock.now_s
    monkeypatch.setattr(_token_cache, "time", clock)
    return clock


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[TokenStrategy]:
    settings = parse_settings(["--strategy", "jwt_cached"], {}, lambda: ["jwt_cached"])
    async with open_strategy(Context(settings, Options(**options), Directory(10))) as strategy:
        yield strategy


@pytest.mark.usefixtures("clock")
def test_a_token_is_checked_once() -> None:
    decoder = Counting()
    cache = VerifiedTokens(decoder, 10, 0.0)
    assert cache.decode("a") == cache.decode("a") == {"exp": EXP_S, "token": "a"}
    assert decoder.asked == ["a"]


@pytest.mark.usefixtures("clock")
def test_only_the_very_same_text_is_known() -> None:
    variants = ["token=", "token ", "toke", "Token", "token.", "token\n"]
    decoder = Counting(*variants)
    cache = VerifiedTokens(decoder, 10, 0.0)
    cache.decode("token")
    for variant in variants:
        with pytest.raises(Rejected):
            cache.decode(variant)
    assert decoder.asked == ["token", *variants]


@pytest.mark.usefixtures("clock")
def test_a_refused_token_is_checked_each_time() -> None:
    decoder = Counting("bad")
    cache = VerifiedTokens(decoder, 10, 0.0)
    for _ in range(2):
        with pytest.raises(Rejected):
            cache.decode("bad")
    assert decoder.asked == ["bad", "bad"]


@pytest.mark.parametrize("leeway_s", [0.0, 30.0])
def test_an_entry_ends_with_its_token(clock: SimpleNamespace, leeway_s: float) -> None:
    decoder = Counting()
    cache = VerifiedTokens(decoder, 10, leeway_s)
    for now_s in (0.0, EXP_S + leeway_s - 0.001):
        clock.now_s = now_s
        cache.decode("a")
    assert decoder.asked == ["a"]
    clock.now_s = EXP_S + leeway_s
    cache.decode("a")
    assert decoder.asked == ["a", "a"]


async def test_a_token_is_in_until_its_expiry_and_leeway_however_often_it_is_sent() -> None:
    leeway_s = 0.3
    async with opened(clock_leeway_s=leeway_s) as strategy:
        (grant,) = await strategy.issue_many([USER], 1)
        ends_s = (await strategy.verify(grant.credential)).record["exp"] + leeway_s
        with pytest.raises(Rejected, match="expired"):
            await _verify_until(ends_s, strategy, grant.credential)
        assert time.time() >= ends_s


async def _verify_until(ends_s: float, strategy: TokenStrategy, credential: str) -> None:
    while True:
        sent_s = time.time()
        await strategy.verify(credential)
        assert sent_s < ends_s
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("clock")
def test_the_least_recently_used_leaves_first() -> None:
    decoder = Counting()
    cache = VerifiedTokens(decoder, 2, 0.0)
    for token in ("a", "b", "a", "c"):
        cache.decode(token)
    assert decoder.asked == ["a", "b", "c"]
    cache.decode("a")
    assert decoder.asked == ["a", "b", "c"]
    cache.decode("b")
    assert decoder.asked == ["a", "b", "c", "b"]


@pytest.mark.usefixtures("clock")
def test_no_more_is_remembered_than_allowed() -> None:
    decoder = Counting()
    cache = VerifiedTokens(decoder, 5, 0.0)
    tokens = [str(number) for number in range(100)]
    for token in tokens:
        cache.decode(token)
    decoder.asked.clear()
    # From the newest to the oldest: those remembered are asked for before they are pushed out.
    for token in reversed(tokens):
        cache.decode(token)
    assert decoder.asked == tokens[-6::-1]


def test_without_entries_there_is_no_cache() -> None:
    decoder = Counting()
    assert remembering(decoder, 0, 0.0) is decoder


async def test_what_a_request_does_leaves_the_remembered_claims_alone() -> None:
    state = {"cart": [{"sku": "a", "count": 1}]}
    async with opened() as strategy:
        first = await strategy.verify((await strategy.issue(USER)).credential)
        grant = await strategy.write_state(first, state)
        identity = await strategy.verify(grant.credential)
        expected = copy.deepcopy(dict(identity.record))
        renewed = await strategy.write_state(identity, {"cart": []})
        await strategy.logout(identity)
        await strategy.revoke_others(identity)
        again = await strategy.verify(grant.credential)
        assert again.record is identity.record, "it was not remembered"
        assert again.record == expected
        assert again.state == state
        assert (await strategy.verify(renewed.credential)).state == {"cart": []}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("cache_entries=0", "--set cache_entries=0: allowed is a whole number of at least 1"),
        ("cache_entries=-1", "--set cache_entries=-1: allowed is a whole number of at least 0"),
        ("algorithm=none", "--set algorithm=none: allowed are HS256, RS256, ES256, EdDSA"),
        ("algorithm=hs256", "--set algorithm=hs256: allowed are HS256, RS256, ES256, EdDSA"),
    ],
)
def test_a_wrong_option_is_one_line(
    assignment: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--strategy", "jwt_cached", "--set", assignment, "--describe"]) == 2
    assert capsys.readouterr().err == expected + "\n"


def test_the_law_is_expiry_whatever_is_remembered() -> None:
    assert law(Options(token_ttl_s=60, clock_leeway_s=2.0, cache_entries=1)).bound_s == 62


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("HS256", "secret"), ("RS256", "rsa"), ("ES256", "ec_p256"), ("EdDSA", "ed25519")],
)
async def test_any_algorithm(algorithm: Any, kind: str) -> None:
    assert key_kind(Options(algorithm=algorithm)) == kind
    async with opened(algorithm=algorithm) as strategy:
        token = (await strategy.issue(USER)).credential
        assert await strategy.verify(token) == await strategy.verify(token)
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert [key["alg"] for key in strategy.public_keys()] == [algorithm] * (kind != "secret")


def test_only_public_keys_are_published() -> None:
    with (
        launched("jwt_cached") as with_a_secret,
        launched("jwt_cached", "--set", "algorithm=EdDSA") as with_a_private_key,
    ):
        hidden = await_listening(with_a_secret).ask("GET", "/.well-known/jwks.json")
        server = await_listening(with_a_private_key)
        answer = server.ask("GET", "/.well-known/jwks.json")
        token = server.mint()[0].credential
    assert hidden.status == 404
    keys = jwt.PyJWKSet.from_dict(answer.json)
    jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["EdDSA"],
        audience="authbench-api",
        issuer="authbench",
    )

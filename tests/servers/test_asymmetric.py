"""jwt_rs256, jwt_es256 and jwt_eddsa: published keys, and what names a key without being signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from loadtests.signing_keys import SigningKeys
from servers.flags import parse_settings
from servers.strategies._jwt import TYPE
from servers.strategies._keys import KEY_KINDS, Algorithm, open_codec
from servers.strategies._token_cache import VerifiedTokens
from servers.strategies._tokens import TokenStrategy
from servers.strategy import Context, Rejected, load
from servers.users import Directory, User
from tests.servers.processes import Replica, bearer, running

USER = User("user-000001", "member")
ALGORITHMS: dict[str, Algorithm] = {
    "jwt_rs256": "RS256", "jwt_es256": "ES256", "jwt_eddsa": "EdDSA",
}  # fmt: skip
each_strategy = pytest.mark.parametrize("name", ALGORITHMS)
# The order of the group of P-256 (SEC 2 §2.4.2).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2.
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@cache
def key(name: str, which: str) -> str:
    return SigningKeys().of(KEY_KINDS[ALGORITHMS[name]])


@asynccontextmanager
async def opened(name: str, *keys: str) -> AsyncIterator[TokenStrategy]:
    """The strategy with these keys, the first of which signs."""
    async with load(name).open_strategy(context(name, *keys)) as strategy:
        assert isinstance(strategy, TokenStrategy)
        yield strategy


def context(name: str, *keys: str) -> Context:
    text = "".join(key(name, which) for which in keys or ("own",))
    environ = {"AUTHBENCH_SIGNING_KEY": text}
    settings = parse_settings(["--strategy", name], environ, lambda: [name])
    return Context(settings, load(name).options_type(), Directory(10))


async def token_of(strategy: TokenStrategy) -> str:
    return (await strategy.issue(USER)).credential


def segment(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(decoded(token.partition(".")[0]))
    return header


def verified_with(published: object, token: str, algorithm: str) -> dict[str, Any]:
    """The claims, by what somebody else knows: the published keys."""
    assert isinstance(published, dict)
    key = jwt.PyJWKSet.from_dict(published)[header_of(token)["kid"]]
    return jwt.decode(
        token, key, algorithms=[algorithm], audience="authbench-api", issuer="authbench"
    )


@each_strategy
async def test_published_keys_verify_its_tokens(name: str) -> None:
    async with opened(name) as strategy:
        token = await token_of(strategy)
        published = strategy.public_keys()
        assert verified_with({"keys": published}, token, ALGORITHMS[name])["sub"] == USER.user_id
        (jwk,) = published
    assert header_of(token) == {"alg": ALGORITHMS[name], "typ": TYPE, "kid": jwk["kid"]}
    assert (jwk["alg"], jwk["use"]) == (ALGORITHMS[name], "sig")
    assert not PRIVATE_MEMBERS & set(jwk)


@each_strategy
async def test_a_key_can_be_changed_while_its_tokens_are_out(name: str) -> None:
    async with opened(name, "old") as before, opened(name, "new", "old") as after:
        old_token, new_token = await token_of(before), await token_of(after)
        assert (await after.verify(old_token)).user_id == USER.user_id
        assert header_of(old_token)["kid"] != header_of(new_token)["kid"]
        for token in (old_token, new_token):
            verified_with({"keys": after.public_keys()}, token, ALGORITHMS[name])
        with pytest.raises(Rejected):
            await before.verify(new_token)


def resigned(name: str, which: str, token: str, **header: Any) -> str:
    """The token's claims under another header, signed with that key; None leaves a member out."""
    members = {**header_of(token), **header}
    kept = {each: value for each, value in members.items() if value is not None}
    head = f"{segment(kept)}.{token.split('.')[1]}"
    algorithm = jwt.get_algorithm_by_name(ALGORITHMS[name])
    signature = algorithm.sign(head.encode(), algorithm.prepare_key(key(name, which)))
    return f"{head}.{segment(signature)}"


@each_strategy
async def test_a_token_names_the_key_it_is_signed_with(name: str) -> None:
    async with opened(name, "own", "other") as strategy:
        token = await token_of(strategy)
        own_kid, other_kid = (jwk["kid"] for jwk in strategy.public_keys())
        await strategy.verify(resigned(name, "own", token, kid=own_kid))
        await strategy.verify(resigned(name, "other", token, kid=other_kid))
        wrong: list[Any] = [None, "", "unknown", other_kid, [own_kid], {own_kid: 1}, 1, "../x"]
        for kid in [*wrong, f"{own_kid} "]:
            with pytest.raises(Rejected):
                await strategy.verify(resigned(name, "own", token, kid=kid))
        with pytest.raises(Rejected):
            await strategy.verify(resigned(name, "foreign", token))


@each_strategy
async def test_a_key_in_the_header_is_not_used(name: str) -> None:
    """RFC 8725 §3.10: `jwk`, `jku` and `x5u` are the sender's word for which key to trust."""
    async with opened(name) as strategy, opened(name, "foreign") as foreign:
        token = await token_of(strategy)
        (jwk,) = foreign.public_keys()
        url = "https://attacker.example/jwks.json"
        for kid in (jwk["kid"], header_of(token)["kid"], None):
            with pytest.raises(Rejected):
                await strategy.verify(
                    resigned(name, "foreign", token, jwk=jwk, jku=url, x5u=url, kid=kid)
                )


def public_forms(name: str) -> Iterator[bytes]:
    """What an attacker may take for the secret: the public key as it is usually written."""
    algorithm = jwt.get_algorithm_by_name(ALGORITHMS[name])
    public = algorithm.prepare_key(key(name, "own")).public_key()
    for encoding in (Encoding.PEM, Encoding.DER):
        text: bytes = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        yield text
        yield text.strip()
    yield json.dumps(algorithm.to_jwk(public, as_dict=True)).encode()


@each_strategy
async def test_another_algorithm_than_the_keys_own_is_refused(name: str) -> None:
    async with opened(name) as strategy:
        token = await token_of(strategy)
        for algorithm in ("HS256", "none", "None", "", None, "RS384", "PS256", ["HS256"]):
            head = {**header_of(token), "alg": algorithm}
            signed = f"{segment(head)}.{token.split('.')[1]}"
            signatures = [
                hmac.digest(secret, signed.encode(), hashlib.sha256)
                for secret in public_forms(name)
            ]
            for signature in (b"", *signatures):
                with pytest.raises(Rejected):
                    await strategy.verify(f"{signed}.{segment(signature)}")


def twin(token: str) -> str:
    """(r, n − s): another good ECDSA signature that needs no private key to make."""
    head, _, signature = token.rpartition(".")
    r, s = decoded(signature)[:32], int.from_bytes(decoded(signature)[32:], "big")
    return f"{head}.{segment(r + (P256_ORDER - s).to_bytes(32, 'big'))}"


async def test_the_twin_of_a_signature_is_the_same_login() -> None:
    """ECDSA does not bind the token's text, so nothing may be keyed on it: `sid` is what counts."""
    async with opened("jwt_es256") as strategy:
        token = await token_of(strategy)
        assert twin(token) != token
        one, other = await strategy.verify(token), await strategy.verify(twin(token))
        assert one == other
        assert one.sid


async def test_the_twin_of_a_signature_is_another_token_to_the_cache() -> None:
    codec = open_codec(context("jwt_es256"), "ES256")
    asked: list[str] = []

    class Asked:
        def decode(self, token: str) -> dict[str, Any]:
            asked.append(token)
            return codec.decode(token)

    cache = VerifiedTokens(Asked(), entries=10, clock_leeway_s=0.0)
    async with opened("jwt_es256") as strategy:
        token = await token_of(strategy)
    for each in (token, twin(token), token, twin(token)):
        cache.decode(each)
    assert asked == [token, twin(token)]


@pytest.fixture(scope="module", params=ALGORITHMS)
def replica(request: pytest.FixtureRequest) -> Iterator[tuple[str, Replica]]:
    with running(request.param) as started:
        yield request.param, started


def test_a_server_publishes_its_keys(replica: tuple[str, Replica]) -> None:
    name, server = replica
    answer = server.ask("GET", "/.well-known/jwks.json")
    assert answer.status == 200
    token = server.mint()[0].credential
    assert verified_with(answer.json, token, ALGORITHMS[name])["role"]
    assert server.me(bearer(token)).status == 200
    assert server.me(bearer(resigned(name, "foreign", token))).status == 401

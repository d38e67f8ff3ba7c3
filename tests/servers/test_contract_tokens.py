"""What every strategy that grants tokens refuses, although its own key may have signed it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from tests.servers.conftest import Arm
from tests.servers.forging import Forge, forge, segment
from tests.servers.processes import bearer
from tests.servers.variants import having

pytestmark = pytest.mark.parametrize("arm", having("clock_leeway_s"), indirect=True)

FAR_S = 9_999_999_999
HMAC = "HS256"
REQUIRED = (
    "iss", "aud", "sub", "iat", "exp", "jti", "sid", "role", "auth_time", "state", "gen", "epoch",
)  # fmt: skip
# They carry the generation of a store, and compare it with nothing.
BLIND_TO_LOSS = {"jwt_denylist_pubsub"}


@pytest.fixture
def forged(arm: Arm) -> Forge:
    return forge(arm.spec.name, arm.mint().credential)


def status(arm: Arm, token: str) -> int:
    answer = arm.replicas[1].me(bearer(token))
    assert answer.status != 401 or answer.headers["WWW-Authenticate"].startswith("Bearer")
    return answer.status


def test_a_token_signed_again_is_accepted(arm: Arm, forged: Forge) -> None:
    """Without this every refusal below could be a fault of the forge."""
    assert status(arm, forged.token()) == 200
    assert status(arm, forged.token(jti="another")) == 200


@pytest.mark.parametrize("claim", REQUIRED)
def test_no_claim_may_be_missing(arm: Arm, forged: Forge, claim: str) -> None:
    if claim not in forged.claims:
        assert claim in ("gen", "epoch")
        return
    assert status(arm, forged.without(claim)) == 401
    assert status(arm, forged.token(**{claim: None})) == 401
    assert status(arm, forged.token(**{claim: [forged.claims[claim]]})) == 401


def test_there_is_no_other_claim(forged: Forge) -> None:
    assert set(forged.claims) <= set(REQUIRED)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": str(FAR_S)}, {"exp": float(FAR_S)}, {"exp": True}, {"exp": 1}, {"exp": -FAR_S},
        {"iat": FAR_S}, {"iat": "1"}, {"nbf": FAR_S}, {"auth_time": "1"},
        {"aud": "another-api"}, {"aud": ""}, {"aud": ["authbench-api", "another-api"]},
        {"iss": "another"}, {"sub": 1}, {"sid": 1}, {"role": True}, {"state": "{}"},
        {"gen": "another"}, {"gen": 1}, {"epoch": "0"}, {"epoch": -1}, {"epoch": 0.5},
        {"epoch": False},
    ],
    ids=repr,
)  # fmt: skip
def test_no_claim_may_be_wrong(arm: Arm, forged: Forge, claims: dict[str, Any]) -> None:
    if set(claims) <= {"gen", "epoch"} - set(forged.claims):
        return
    if claims == {"gen": "another"} and arm.spec.name in BLIND_TO_LOSS:
        pytest.skip("it never asks which store granted a token")
    if claims == {"gen": "another"}:
        # A moment old, it might be of a next store that the replica has not heard of: 503.
        claims = {**claims, "epoch": forged.claims["epoch"] - 60_000}
    assert status(arm, forged.token(**claims)) == 401


def test_an_expired_token_is_refused(arm: Arm, forged: Forge) -> None:
    now_s = int(time.time())
    assert status(arm, forged.token(iat=now_s - 60, exp=now_s - 1)) == 401
    assert status(arm, forged.token(iat=now_s + 5)) == 401


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": None}, {"typ": ["at+jwt"]}, {"crit": ["exp"]}, {"b64": False},
        {"alg": "none"}, {"alg": "HS384"}, {"alg": "PS256"}, {"alg": None}, {"alg": ["HS256"]},
        {"kid": "another"}, {"kid": 1}, {"kid": {"": ""}},
    ],
    ids=repr,
)  # fmt: skip
def test_no_header_may_be_wrong(arm: Arm, forged: Forge, header: dict[str, Any]) -> None:
    assert status(arm, forged.with_header(**header)) == 401


def test_a_key_must_be_named_where_there_are_names(arm: Arm, forged: Forge) -> None:
    if "kid" in forged.header:
        assert status(arm, forged.with_header(kid=None)) == 401


def test_a_foreign_key_is_refused(arm: Arm, forged: Forge) -> None:
    foreign = forged.foreign_key
    assert status(arm, forged.signed(forged.header, forged.claims, foreign)) == 401
    # RFC 8725 §3.10: a key that the token brings along is never used.
    for brought in (
        {"jwk": {"kty": "oct", "k": segment(foreign.encode())}},
        {"jku": "http://[::1]/"},
    ):
        assert (
            status(arm, forged.signed({**forged.header, **brought}, forged.claims, foreign)) == 401
        )


def test_an_unsigned_token_is_refused(arm: Arm, forged: Forge) -> None:
    head, body, signature = forged.token().split(".")
    unsigned = segment({**forged.header, "alg": "none"})
    for token in (
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{unsigned}.{body}.",
        f".{body}.{signature}",
    ):
        assert status(arm, token) == 401
    other = forged.token(sub="user-000000", role="admin").split(".")[1]
    assert status(arm, f"{head}.{other}.{signature}") == 401


def test_a_public_key_is_no_secret(arm: Arm, forged: Forge) -> None:
    """RFC 8725 §2.1: HMAC with what everybody can read."""
    if forged.algorithm == HMAC:
        return
    public_key = load_pem_private_key(forged.key.encode(), None).public_key()
    readings: list[Callable[[], bytes]] = [
        lambda: public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        lambda: public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        lambda: b"",
    ]
    text = f"{segment({**forged.header, 'alg': HMAC})}.{segment(forged.claims)}"
    for reading in readings:
        # PyJWT refuses such a secret, so the MAC is made below its check.
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            text.encode(), reading()
        )
        assert status(arm, f"{text}.{segment(signature)}") == 401

"""What jwt_hs256 refuses although the signature is good, or nearly."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers.settings import SettingsError
from servers.strategies._jwt import REQUIRED, Codec, Key, TokenSettings
from servers.strategies._tokens import TokenStrategy
from servers.strategy import Rejected, TtlRefused
from servers.users import User

KEY = b"k" * 32
SETTINGS = TokenSettings("issuer", "audience", token_ttl_s=60, clock_leeway_s=0.0)


def claims(**changes: Any) -> dict[str, Any]:
    now_s = int(time.time())
    return {
        "iss": "issuer", "aud": "audience", "sub": "user-000001", "jti": "j", "iat": now_s,
        "exp": now_s + 60, "sid": "s", "role": "member", "auth_time": now_s, "state": {}, **changes,
    }  # fmt: skip


def signed(payload: object, key: bytes = KEY, algorithm: str = "HS256", **header: Any) -> str:
    """A token of any payload, valid or not."""
    return jwt.PyJWS().encode(
        payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        key, algorithm, headers={"typ": "at+jwt", **header},
    )  # fmt: skip


@pytest.fixture
def codec() -> Codec:
    return Codec([Key("HS256", KEY, KEY)], SETTINGS)


def test_a_good_token_is_accepted(codec: Codec) -> None:
    expected = claims()
    assert codec.decode(signed(expected)) == expected


@pytest.mark.parametrize("name", [*REQUIRED, "sid", "role", "auth_time", "state"])
def test_every_claim_is_required(codec: Codec, name: str) -> None:
    payload = claims()
    del payload[name]
    with pytest.raises(Rejected):
        codec.decode(signed(payload))


FAR = 9_999_999_999


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1}, {"exp": str(FAR)}, {"exp": float(FAR)}, {"exp": True}, {"exp": [FAR]},
        {"exp": None}, {"exp": {}}, {"exp": float("inf")}, {"exp": -(10**400)},
        {"iat": FAR}, {"iat": "1"}, {"iat": 1.0}, {"iat": False},
        {"aud": "other"}, {"aud": ["audience"]}, {"aud": ["audience", "other"]}, {"aud": ""},
        {"aud": {"audience": 1}}, {"iss": "other"}, {"iss": ["issuer"]}, {"iss": 1},
        {"sub": 1}, {"sub": ["user-000001"]}, {"jti": 5}, {"nbf": FAR}, {"nbf": "x"},
        {"role": 1}, {"sid": None}, {"auth_time": True}, {"state": []}, {"state": None},
    ],
    ids=repr,
)  # fmt: skip
def test_a_wrong_claim_is_refused(codec: Codec, changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        codec.decode(signed(claims(**changes)))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"}, {"typ": ""}, {"typ": None}, {"typ": "AT+JWT"}, {"typ": ["at+jwt"]},
        {"alg": "HS384"}, {"alg": "HS512"}, {"crit": ["exp"]}, {"crit": []},
    ],
    ids=repr,
)  # fmt: skip
def test_a_wrong_header_is_refused(header: dict[str, Any]) -> None:
    # The key is long enough for every HMAC, so that only the header is wrong.
    long_key = b"k" * 64
    codec = Codec([Key("HS256", long_key, long_key)], SETTINGS)
    codec.decode(signed(claims(), long_key))
    with pytest.raises(Rejected):
        codec.decode(signed(claims(), long_key, **header))


def segment(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": ["HS256"]}, {"alg": {}}, {"kid": 1}, [], "HS256", b"\xff"]
)
def test_an_unsigned_token_is_refused(codec: Codec, header: Any) -> None:
    if isinstance(header, dict):
        header = {"typ": "at+jwt", "alg": "HS256", **header}
    for signature in ("", segment(b"x" * 32)):
        with pytest.raises(Rejected):
            codec.decode(f"{segment(header)}.{segment(claims())}.{signature}")


def test_a_foreign_key_is_refused(codec: Codec) -> None:
    with pytest.raises(Rejected):
        codec.decode(signed(claims(), b"another key of at least 32 bytes, long"))


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"x"', b"5", b"{", b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_object_is_refused(codec: Codec, payload: bytes) -> None:
    with pytest.raises(Rejected):
        codec.decode(signed(payload))


@pytest.mark.parametrize("number", [b"1" * 5_000, b"1e400", b"NaN", b"-Infinity", b'"\\ud800"'])
def test_hostile_numbers_are_refused(codec: Codec, number: bytes) -> None:
    payload = json.dumps(claims(exp="HERE")).encode().replace(b'"HERE"', number)
    with pytest.raises(Rejected):
        codec.decode(signed(payload))


def test_padding_is_refused(codec: Codec) -> None:
    token = signed(claims())
    for padded in (token + "=", token + "==", token.replace(".", "=.", 1)):
        with pytest.raises(Rejected):
            codec.decode(padded)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(claims())), value=json_values)
def test_hostile_claims_are_accepted_or_rejected_never_another_error(
    name: str, value: object
) -> None:
    codec = Codec([Key("HS256", KEY, KEY)], SETTINGS)
    try:
        decoded = codec.decode(signed(claims(**{name: value})))
    except Rejected:
        return
    assert type(decoded["exp"]) is int
    assert type(decoded["state"]) is dict


@settings(max_examples=150, deadline=None)
@given(token=st.text(max_size=60) | st.from_regex(r"[\w=-]*\.[\w=-]*\.[\w=-]*"))
def test_text_that_is_no_token_is_rejected(token: str) -> None:
    codec = Codec([Key("HS256", KEY, KEY)], SETTINGS)
    with pytest.raises(Rejected):
        codec.decode(token)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="32 bytes"):
        Key("HS256", b"k" * 31, b"k" * 31)


def test_the_leeway_is_the_whole_of_the_overtime() -> None:
    lenient = TokenSettings("issuer", "audience", token_ttl_s=60, clock_leeway_s=30.0)
    codec = Codec([Key("HS256", KEY, KEY)], lenient)
    now_s = int(time.time())
    codec.decode(signed(claims(exp=now_s - 20)))
    with pytest.raises(Rejected, match="expired"):
        codec.decode(signed(claims(exp=now_s - 30)))


@pytest.fixture
def strategy() -> TokenStrategy:
    return TokenStrategy(Codec([Key("HS256", KEY, KEY)], SETTINGS), SETTINGS)


async def test_state_re_issues_the_same_login(strategy: TokenStrategy) -> None:
    before = await strategy.verify((await strategy.issue(User("user-000001", "member"))).credential)
    grant = await strategy.write_state(before, {"cart": [1]})
    after = await strategy.verify(grant.credential)
    assert after.state == {"cart": [1]}
    same = ("sub", "sid", "auth_time", "exp", "iat", "role")
    assert [after.record[name] for name in same] == [before.record[name] for name in same]
    assert after.record["jti"] != before.record["jti"]


@pytest.mark.parametrize("ttl_s", [0.5, 1.5, 61, 10**15])
async def test_a_life_is_whole_seconds_within_the_law(
    strategy: TokenStrategy, ttl_s: float
) -> None:
    with pytest.raises(TtlRefused, match="whole number from 1 to 60"):
        await strategy.issue_many([User("user-000001", "member")], ttl_s)


async def test_a_logout_names_the_remaining_life(strategy: TokenStrategy) -> None:
    (grant,) = await strategy.issue_many([User("user-000001", "member")], 10)
    effect = await strategy.logout(await strategy.verify(grant.credential))
    assert effect.effective_within_s is not None
    assert 8 < effect.effective_within_s <= 10

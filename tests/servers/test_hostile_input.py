"""Whatever a client sends, the answer is never a 500."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.conftest import Arm
from tests.servers.processes import bearer

hostile_text = st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_.-]{1,60}", fullmatch=True)
hostile_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _is_refused_or_fine(status: int) -> bool:
    return 200 <= status < 500


@few
@given(credential=st.binary(max_size=80).filter(lambda octets: not set(octets) & {0, 10, 13}))
def test_hostile_credentials_are_never_a_500(arm: Arm, credential: bytes) -> None:
    for headers in (
        bearer(credential),
        [("Cookie", arm.cookie_name.encode() + b"=" + credential)],
        [("Authorization", credential)],
        [("Cookie", credential)],
    ):
        assert 400 <= arm.first.me(headers).status < 500


@few
@given(text=hostile_text, change=st.integers(0, 2**31))
def test_credentials_with_hostile_parts_are_never_a_500(arm: Arm, text: str, change: int) -> None:
    parts = arm.mint().credential.split(".")
    parts[change % len(parts)] = text.replace("\r", "").replace("\n", "").replace("\0", "")
    answer = arm.first.me(bearer(".".join(parts).encode("utf-8", "surrogatepass")))
    assert _is_refused_or_fine(answer.status)


@few
@given(username=hostile_values, password=hostile_values)
def test_hostile_logins_are_never_a_500(arm: Arm, username: object, password: object) -> None:
    body = json.dumps({"username": username, "password": password}).encode()
    answer = arm.first.ask("POST", "/login", [("Origin", arm.origin)], body)
    assert answer.status in (400, 401, 429)


def test_a_deeply_nested_login_is_refused(arm: Arm) -> None:
    for body in (b"[" * 16_000, b'{"username":' * 1_300, b'{"username":' + b"9" * 9_000 + b"}"):
        assert arm.first.ask("POST", "/login", [("Origin", arm.origin)], body).status == 400


@few
@given(state=st.dictionaries(st.text(max_size=8), hostile_values, max_size=3))
def test_any_state_is_kept_or_refused(arm: Arm, state: dict[str, object]) -> None:
    answer = arm.first.ask("PUT", "/state", arm.mint().bearer, state)
    assert _is_refused_or_fine(answer.status)
    if answer.status == 200 and "access_token" in answer.json:
        again = arm.first.ask("GET", "/state", bearer(answer.json["access_token"]))
        assert again.json == state


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"{", 400),
        (b'{"a":NaN}', 400),
        (b'{"a":1e999}', 400),
        (b'{"a":' + b"9" * 5_000 + b"}", 413),
        (b'{"a":"\xff"}', 400),
        (b'{"a":' + b"[" * 500, 400),
        (b'{"a":"' + b"x" * 2_000 + b'"}', 413),
        (b'{"a":"' + b"x" * 100_000 + b'"}', 413),
    ],
)
def test_a_bad_state_is_refused(arm: Arm, body: bytes, status: int) -> None:
    answer = arm.first.ask("PUT", "/state", arm.mint().bearer, body)
    assert answer.status == status
    assert set(answer.json) == {"error", "message"}

"""What every strategy owes: the same tests over each file in servers/strategies/."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.conftest import Arm
from tests.servers.processes import ADMIN_SECRET, Minted, bearer, eventually

LIFE_S = 2


def test_every_replica_accepts_what_one_granted(arm: Arm) -> None:
    minted = arm.mint()
    answers = [replica.me(minted.bearer) for replica in arm.replicas]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.json["replica"] for answer in answers] == [0, 1]
    assert {answer.json["user_id"] for answer in answers} == {minted.user_id}


def test_a_login_grants_by_the_natural_carrier(arm: Arm) -> None:
    answer = arm.first.ask(
        "POST", "/login", [("Origin", arm.origin)],
        {"username": "user-000100", "password": "authbench-demo"},
    )  # fmt: skip
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    if arm.spec.natural_carrier == "bearer":
        assert answer.json["token_type"] == "Bearer"
        headers = bearer(answer.json["access_token"])
    else:
        cookie = answer.headers["Set-Cookie"]
        name, _, value = cookie.partition(";")[0].partition("=")
        assert name == "__Host-session"
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} < attributes
        assert not any(part.startswith("Domain") for part in attributes)
        headers = [("Cookie", f"{name}={value}")]
    for replica in arm.replicas:
        assert replica.me(headers).json == {
            "user_id": "user-000100",
            "role": "admin",
            "replica": arm.replicas.index(replica),
        }


def test_a_login_never_adopts_what_the_client_brings(arm: Arm) -> None:
    planted = arm.mint()
    headers = [("Origin", arm.origin), *planted.cookie(arm.cookie_name)]
    body = {"username": "user-000101", "password": "authbench-demo", "sid": planted.credential}
    answer = arm.first.ask("POST", "/login", headers, body)
    assert answer.status == 200
    assert planted.credential not in str(answer.headers) + answer.body.decode()
    assert arm.first.me(planted.bearer).json["user_id"] == planted.user_id


def test_without_a_credential_nobody_is_in(arm: Arm) -> None:
    for method, path in (("GET", "/me"), ("GET", "/state"), ("PUT", "/state"), ("POST", "/logout")):
        answer = arm.first.ask(method, path, body={})
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.json) == {"error", "message"}


def test_a_changed_credential_is_refused(arm: Arm) -> None:
    if arm.spec.trusts_anyone:
        pytest.skip("another user's id is a good credential here")
    good = arm.mint().credential
    step = max(1, len(good) // 12)
    for position in (*range(0, len(good), step), len(good) - 1):
        swapped = "A" if good[position] != "A" else "B"
        changed = good[:position] + swapped + good[position + 1 :]
        assert arm.first.me(bearer(changed)).status == 401, position


@pytest.mark.parametrize("change", ["{}=", "{}==", "{}A", "A{}", "{}.", "{}.{}", "{},{}", "{} {}"])
def test_a_lengthened_credential_is_refused(arm: Arm, change: str) -> None:
    good = arm.mint().credential
    answer = arm.first.me(bearer(change.format(good, good)))
    if arm.spec.trusts_anyone and change == "{}.{}":
        assert answer.status in (200, 401)
        return
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_shortened_credential_is_refused(arm: Arm) -> None:
    good = arm.mint().credential
    for length in range(1, len(good), max(1, len(good) // 10)):
        assert arm.first.me(bearer(good[:length])).status == 401


def test_a_credential_ends_on_time(arm: Arm) -> None:
    minted = arm.mint(ttl_s=LIFE_S)
    if minted.expires_in is None:
        assert arm.spec.trusts_anyone
        return
    assert minted.expires_in == LIFE_S
    assert arm.statuses(minted) == {200}
    eventually(lambda: arm.statuses(minted) == {401}, within_s=LIFE_S + 1)


def _kick(arm: Arm, minted: Minted) -> Any:
    return arm.first.admin(f"users/{minted.user_id}/revoke")


def _kick_all(arm: Arm, minted: Minted) -> Any:
    return arm.first.admin("revoke-all")


def _logout(arm: Arm, minted: Minted) -> Any:
    return arm.first.ask("POST", "/logout", minted.bearer)


@pytest.mark.parametrize("revoke", [_kick, _kick_all, _logout])
def test_the_law_holds_on_every_replica(arm: Arm, revoke: Any) -> None:
    law = arm.first.ask("GET", "/readyz").json["law"]
    minted = arm.mint(ttl_s=LIFE_S)
    assert arm.statuses(minted) == {200}
    answer = revoke(arm, minted)
    acked_s = time.monotonic()
    within_s = answer.json["effective_within_s"]
    assert answer.status == (200 if within_s == 0 else 202)
    if law["bound_s"] is None:
        assert within_s is None
        assert arm.statuses(minted) == {200}
        return
    assert within_s <= law["bound_s"]
    if within_s > 0:
        eventually(lambda: arm.statuses(minted) == {401}, within_s=LIFE_S + 1)
        assert time.monotonic() - acked_s <= law["bound_s"] + 1
    for _ in range(5):
        assert arm.statuses(minted) == {401}


def test_a_kick_ends_every_login_of_that_user_and_no_other(arm: Arm) -> None:
    if arm.first.ask("GET", "/readyz").json["law"]["bound_s"] != 0:
        pytest.skip("time alone ends a login here")
    other = arm.mint()
    mine = [replica.mint(first_user=9_000)[0] for replica in arm.replicas for _ in range(5)]
    # A short-lived login must not shorten the memory of the long-lived ones.
    arm.first.mint(first_user=9_000, ttl_s=1)
    assert arm.replicas[1].admin("users/user-009000/revoke").status == 200
    assert {status for minted in mine for status in arm.statuses(minted)} == {401}
    assert arm.statuses(other) == {200}


def test_a_kick_is_idempotent_and_knows_nobody(arm: Arm) -> None:
    answers = [arm.first.admin("users/nobody/revoke") for _ in range(2)]
    assert answers[0].status == answers[1].status
    assert answers[0].json == answers[1].json


def test_after_a_kick_a_new_login_is_in(arm: Arm) -> None:
    minted = arm.mint()
    _kick(arm, minted)
    again = arm.first.mint(first_user=int(minted.user_id.removeprefix("user-")))[0]
    assert arm.statuses(again) == {200}


def _put_state(arm: Arm, minted: Minted, state: object) -> Minted:
    """Writes the state; returns the credential that has it now."""
    answer = arm.first.ask("PUT", "/state", minted.bearer, state)
    assert answer.status == 200, answer
    credential = answer.json.get("access_token", minted.credential)
    return Minted(minted.user_id, credential, minted.csrf_token, minted.expires_in)


def test_state_is_kept_on_every_replica(arm: Arm) -> None:
    state = {"cart": [{"sku": "é\u0000", "count": 2}], "note": "ok"}
    minted = _put_state(arm, arm.mint(), state)
    minted = _put_state(arm, minted, {**state, "note": "second"})
    for replica in arm.replicas:
        assert replica.ask("GET", "/state", minted.bearer).json == {**state, "note": "second"}
        assert replica.me(minted.bearer).json["user_id"] == minted.user_id


def test_a_state_that_outgrows_its_credential_is_refused(arm: Arm) -> None:
    # JSON writes each of these two bytes as six, and base64 as eight.
    state = {"note": "é" * 505}
    minted = arm.mint()
    answer = arm.first.ask(
        "PUT", "/state", minted.bearer, json.dumps(state, ensure_ascii=False).encode()
    )
    assert answer.status in (200, 413)
    kept = bearer(json.loads(answer.body).get("access_token", minted.credential))
    read = arm.first.ask("GET", "/state", kept)
    assert read.json == (state if answer.status == 200 else {})


def test_writing_state_does_not_lengthen_a_login(arm: Arm) -> None:
    minted = arm.mint(ttl_s=LIFE_S)
    if minted.expires_in is None:
        return
    started_s = time.monotonic()
    renewed = _put_state(arm, minted, {"cart": [1]})
    eventually(lambda: arm.statuses(renewed) == {401}, within_s=LIFE_S + 1)
    assert time.monotonic() - started_s <= LIFE_S + 1


def test_state_never_resurrects_a_login(arm: Arm) -> None:
    minted = arm.mint()
    _logout(arm, minted)
    if arm.statuses(minted) == {200}:
        return  # by its law the login is still on
    assert arm.first.ask("PUT", "/state", minted.bearer, {"cart": [1]}).status == 401
    assert arm.statuses(minted) == {401}


def test_writes_racing_a_kick_never_resurrect_a_login(arm: Arm) -> None:
    if arm.first.ask("GET", "/readyz").json["law"]["bound_s"] != 0:
        pytest.skip("time alone ends a login here")
    for _ in range(3):
        minted = arm.mint()

        def write(replica: int, minted: Minted = minted) -> int:
            for number in range(10):
                body = {"cart": [number]}
                arm.replicas[replica].ask("PUT", "/state", minted.bearer, body)
            return arm.replicas[replica].me(minted.bearer).status

        with ThreadPoolExecutor(3) as pool:
            writes = [pool.submit(write, replica) for replica in (0, 1)]
            pool.submit(_kick, arm, minted).result()
        assert {write.result() for write in writes} == {401}
        assert arm.statuses(minted) == {401}


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


def test_minting_is_in_order_and_for_distinct_users(arm: Arm) -> None:
    minted = arm.first.mint(1_200, first_user=9_500)
    assert [each.user_id for each in minted[:2]] == ["user-009500", "user-009501"]
    assert minted[500].user_id == "user-000000"
    if not arm.spec.trusts_anyone:
        assert len({each.credential for each in minted}) == 1_200
    for each in (minted[0], minted[777], minted[-1]):
        assert arm.first.me(each.bearer).json["user_id"] == each.user_id


@pytest.mark.parametrize(
    "body",
    [
        {}, {"count": 0}, {"count": True}, {"count": "5"}, {"count": 10**9}, {"count": 1.5},
        {"count": 1, "first_user": -1}, {"count": 1, "ttl_s": 0}, {"count": 1, "ttl_s": "1"},
        {"count": 1, "ttl_s": 10**400}, [], None,
    ],
)  # fmt: skip
def test_bad_minting_is_refused(arm: Arm, body: object) -> None:
    assert arm.first.admin("credentials", body).status == 400


def test_a_life_beyond_the_law_is_not_minted(arm: Arm) -> None:
    answer = arm.first.admin("credentials", {"count": 1, "ttl_s": 10**8})
    assert answer.status == (200 if arm.spec.trusts_anyone else 400)


@pytest.mark.parametrize("path", ["credentials", "users/user-000001/revoke", "revoke-all"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        bearer("wrong"),
        bearer(ADMIN_SECRET[:-1]),
        bearer("\u00e9" * 20),
        bearer(b"\xff" * 20),
        [("Authorization", ADMIN_SECRET)],
        [*bearer(ADMIN_SECRET), *bearer(ADMIN_SECRET)],
    ],
)
def test_admin_wants_its_secret(arm: Arm, path: str, headers: Any) -> None:
    answer = arm.first.ask("POST", f"/admin/{path}", headers, {"count": 1})
    assert answer.status == 403


def test_a_users_credential_is_no_admin_secret(arm: Arm) -> None:
    answer = arm.first.ask("POST", "/admin/revoke-all", arm.mint().bearer)
    assert answer.status == 403


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

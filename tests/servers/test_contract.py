"""What every strategy owes: the same tests over each file in servers/strategies/."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.servers.conftest import Arm
from tests.servers.processes import Minted, bearer, eventually

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

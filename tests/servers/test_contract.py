"""What every strategy owes: the same tests over each file in servers/strategies/.

Here: credentials, logins and state. Laws, tokens, settings, skew, outages and hostile credentials
have files of their own.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.servers.conftest import WAITED_FOR_S, Arm
from tests.servers.processes import PASSWORD, Minted, bearer, eventually
from tests.servers.story import granted

# Of --state-max-bytes.
LARGEST_STATE_BYTES = 1_024


def test_every_replica_accepts_what_one_granted(arm: Arm) -> None:
    minted = arm.mint()
    answers = [replica.me(minted.bearer) for replica in arm.replicas]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.json["replica"] for answer in answers] == [0, 1]
    assert {answer.json["user_id"] for answer in answers} == {minted.user_id}


def test_a_login_grants_by_the_natural_carrier(arm: Arm) -> None:
    answer = arm.first.ask(
        "POST", "/login", [("Origin", arm.origin)],
        {"username": "user-000100", "password": PASSWORD},
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
    body = {"username": "user-000101", "password": PASSWORD, "sid": planted.credential}
    for carried in (planted.cookie(arm.cookie_name), planted.bearer):
        answer = arm.first.ask("POST", "/login", [("Origin", arm.origin), *carried], body)
        assert answer.status == 200
        assert planted.credential not in str(answer.headers) + answer.body.decode()
        # Not even where it was a login of this user before.
        planted = Minted("user-000101", granted(answer), "", None)
        assert arm.statuses(planted) == {200}
        if arm.spec.trusts_anyone:
            return


def test_without_a_credential_nobody_is_in(arm: Arm) -> None:
    routes = (
        ("GET", "/me"), ("GET", "/state"), ("PUT", "/state"), ("POST", "/logout"),
        ("POST", "/password"),
    )  # fmt: skip
    for method, path in routes:
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


def test_an_ambiguous_or_oversize_credential_is_refused(arm: Arm) -> None:
    minted = arm.mint()
    good, as_cookie = minted.bearer, minted.cookie(arm.cookie_name)
    for headers in ([*good, *good], [*good, *as_cookie], [*as_cookie, *as_cookie]):
        assert arm.first.me(headers).status == 400
    name = arm.cookie_name
    twice = [("Cookie", f"{name}={minted.credential}; {name}={minted.credential}")]
    assert arm.first.me(twice).status == 400
    assert arm.first.me(bearer("A" * 4_097)).status == 431
    assert arm.first.me(bearer(f"{minted.credential}\u00e9")).status == 400
    assert arm.statuses(minted) == {200}


def test_a_kick_is_idempotent_and_knows_nobody(arm: Arm) -> None:
    answers = [arm.first.admin("users/nobody/revoke") for _ in range(2)]
    assert answers[0].status == answers[1].status
    assert answers[0].json == answers[1].json


def test_after_a_kick_a_new_login_is_in(arm: Arm) -> None:
    minted = arm.mint()
    arm.first.admin(f"users/{minted.user_id}/revoke")
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


def test_state_is_kept_up_to_its_limit(arm: Arm) -> None:
    most = json.dumps({"note": ""}, separators=(",", ":"))
    state = {"note": "x" * (LARGEST_STATE_BYTES - len(most))}
    body = json.dumps(state, separators=(",", ":")).encode()
    minted = arm.mint()
    kept = _put_state(arm, minted, body)
    for replica in arm.replicas:
        assert replica.ask("GET", "/state", kept.bearer).json == state
    too_large = body.replace(b"x", b"xx", 1)
    assert arm.first.ask("PUT", "/state", kept.bearer, too_large).status == 413


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


def test_state_never_resurrects_a_login(arm: Arm) -> None:
    minted = arm.mint()
    answer = arm.first.ask("POST", "/logout", minted.bearer)
    if arm.first.me(minted.bearer).status == 200:
        assert answer.status == 202  # by its law the login is still on
        return
    assert arm.first.ask("PUT", "/state", minted.bearer, {"cart": [1]}).status == 401
    eventually(lambda: arm.statuses(minted) == {401}, within_s=WAITED_FOR_S)


def test_writes_racing_a_kick_never_resurrect_a_login(arm: Arm) -> None:
    if not arm.is_waited_for:
        pytest.skip("time alone ends a login here")
    for _ in range(3):
        minted = arm.mint()

        def write(replica: int, minted: Minted = minted) -> Minted:
            """The last credential that a write was answered with."""
            credential = minted.credential
            for number in range(10):
                answer = arm.replicas[replica].ask(
                    "PUT", "/state", bearer(credential), {"cart": [number]}
                )
                if answer.status == 200:
                    credential = answer.json.get("access_token", credential)
            return Minted(minted.user_id, credential, "", None)

        with ThreadPoolExecutor(3) as pool:
            writes = [pool.submit(write, replica) for replica in (0, 1)]
            pool.submit(arm.first.admin, f"users/{minted.user_id}/revoke").result()
        lasts = [minted, *(each.result() for each in writes)]
        eventually(partial(_are_refused, arm, lasts), within_s=WAITED_FOR_S)
        assert _are_refused(arm, lasts)


def _are_refused(arm: Arm, minted: list[Minted]) -> bool:
    return {status for each in minted for status in arm.statuses(each)} == {401}

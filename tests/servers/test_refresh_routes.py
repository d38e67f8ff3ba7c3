"""POST /refresh of real servers: by bearer, by cookie, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from http.cookies import SimpleCookie
from typing import Any

import pytest

from loadtests.store_server import RunningStore, start_store
from tests.servers.processes import (
    ADMIN_SECRET,
    CHEAP_LOGIN,
    PASSWORD,
    Answer,
    Replica,
    bearer,
    eventually,
    replicas,
    running,
)

ORIGIN = ("Origin", "https://shop.example")
SESSION, REFRESH = "__Host-session", "__Secure-refresh"
LOGIN = {"username": "user-000100", "password": PASSWORD}


@pytest.fixture(scope="module")
def pair(store: RunningStore) -> Iterator[tuple[Replica, Replica]]:
    """Two replicas: the first grants by bearer, the second by cookie."""
    shared = ["--store", store.url, "--key-prefix", "routes:", "--origin", ORIGIN[1], *CHEAP_LOGIN]
    with (
        replicas(1, "jwt_refresh", *shared) as (by_bearer,),
        running("jwt_refresh", *shared, "--carrier", "cookie") as by_cookie,
    ):
        yield by_bearer, by_cookie


@pytest.fixture
def by_bearer(pair: tuple[Replica, Replica]) -> Replica:
    return pair[0]


@pytest.fixture
def by_cookie(pair: tuple[Replica, Replica]) -> Replica:
    return pair[1]


def login(replica: Replica) -> Answer:
    answer = replica.ask("POST", "/login", [ORIGIN], LOGIN)
    assert answer.status == 200, answer
    return answer


def refreshed(replica: Replica, token: object) -> Answer:
    return replica.ask("POST", "/refresh", body={"refresh_token": token})


def cookies(answer: Answer) -> dict[str, str]:
    """Each cookie set, by name."""
    read: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_all("Set-Cookie", []):
        read.load(line)
    return {name: morsel.value for name, morsel in read.items()}


def by_refresh_cookie(replica: Replica, token: str, origin: object = ORIGIN) -> Answer:
    headers: Any = [("Cookie", f"{REFRESH}={token}")]
    return replica.ask("POST", "/refresh", headers + ([origin] if origin else []))


def test_a_refresh_by_bearer_is_a_token_answer(pair: tuple[Replica, Replica]) -> None:
    one, other = pair
    granted = login(one)
    answer = refreshed(other, granted.json["refresh_token"])
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 300)
    assert "Set-Cookie" not in answer.headers
    for replica in pair:
        assert replica.me(bearer(answer.json["access_token"])).json["user_id"] == "user-000100"
    assert refreshed(one, answer.json["refresh_token"]).status == 200


def test_reuse_ends_the_login_on_every_replica(pair: tuple[Replica, Replica]) -> None:
    one, other = pair
    first = login(one).json["refresh_token"]
    second = refreshed(one, first).json["refresh_token"]
    reused = refreshed(other, first)
    assert (reused.status, reused.json["error"]) == (401, "refresh_reused")
    assert reused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    ended = refreshed(one, second)
    assert (ended.status, ended.json["error"]) == (401, "unknown_refresh")


def test_a_refresh_by_cookie_sets_both_cookies(pair: tuple[Replica, Replica]) -> None:
    one, other = pair
    granted = cookies(login(other))
    answer = by_refresh_cookie(one, granted[REFRESH])
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"expires_in", "csrf_token"}
    access, refresh = answer.headers.get_all("Set-Cookie", [])
    assert access.startswith(f"{SESSION}=")
    assert refresh.startswith(f"{REFRESH}=")
    assert refresh.endswith("; Path=/refresh; HttpOnly; SameSite=Strict; Secure; Max-Age=86400")
    renewed = cookies(answer)
    assert renewed.keys() == granted.keys() == {SESSION, REFRESH}
    assert not set(renewed.values()) & set(granted.values())
    session = [("Cookie", f"{SESSION}={renewed[SESSION]}"), ORIGIN]
    assert other.me(session).json["user_id"] == "user-000100"
    change = [*session, ("X-CSRF-Token", answer.json["csrf_token"])]
    assert other.ask("PUT", "/state", change, {"cart": [1]}).status == 200
    ended = other.ask("POST", "/logout", change)
    assert ended.status == 202
    assert cookies(ended) == {SESSION: "", REFRESH: ""}
    assert by_refresh_cookie(one, renewed[REFRESH]).json["error"] == "unknown_refresh"


@pytest.mark.parametrize("origin", [None, ("Origin", "https://evil.example"), ("Origin", "null")])
def test_a_refresh_by_cookie_from_elsewhere_changes_nothing(
    by_cookie: Replica, origin: object
) -> None:
    token = cookies(login(by_cookie))[REFRESH]
    assert by_refresh_cookie(by_cookie, token, origin).status == 403
    assert by_refresh_cookie(by_cookie, token).status == 200


def test_doubt_about_a_refresh_cookie_is_refused(by_cookie: Replica) -> None:
    token = cookies(login(by_cookie))[REFRESH]
    twice: tuple[Any, ...] = (
        [("Cookie", f"{REFRESH}={token}; {REFRESH}={token}")],
        [("Cookie", f"{REFRESH}={token}"), ("Cookie", f"{REFRESH}={token}")],
        [("Cookie", f"{REFRESH}; {REFRESH}={token}")],
    )
    for headers in twice:
        assert by_cookie.ask("POST", "/refresh", [*headers, ORIGIN]).status == 400
    for value, status in ((b"\xc3\xa9", 400), (b"\xff" * 71, 400), (b"a" * 4_097, 431)):
        cookie = (("Cookie", REFRESH.encode() + b"=" + value), ORIGIN)
        assert by_cookie.ask("POST", "/refresh", cookie).status == status
    for text in ("", "x", token[:-1], token + "A", f'"{token}"', token.replace(".", "%2E")):
        assert by_refresh_cookie(by_cookie, text).status == 401
    assert by_refresh_cookie(by_cookie, token).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400), (b"", 400), (b"[]", 400), (b"{", 400), ({}, 400), (b"\xff", 400),
        ({"refresh_token": None}, 400), ({"refresh_token": 5}, 400), ({"refresh_token": []}, 400),
        (b'{"refresh_token": "\\ud800"}', 400), ({"refresh_token": "x" * 4_097}, 400),
        ({"refresh_token": ""}, 401), ({"refresh_token": "x"}, 401),
        ({"refresh_token": "é" * 71}, 401), ({"refresh_token": "\u0000" * 71}, 401),
        ({"refresh_token": "A" * 26 + "." + "A" * 44}, 401), (b" " * 20_000, 413),
    ],
)  # fmt: skip
def test_a_hostile_body_is_refused(by_bearer: Replica, body: object, status: int) -> None:
    answer = by_bearer.ask("POST", "/refresh", body=body)
    assert answer.status == status
    assert set(answer.json) == {"error", "message"}


def test_an_access_token_and_a_refresh_token_are_not_the_same(by_bearer: Replica) -> None:
    granted = login(by_bearer).json
    assert by_bearer.me(bearer(granted["refresh_token"])).status == 401
    assert refreshed(by_bearer, granted["access_token"]).status == 401
    headers = bearer(granted["refresh_token"])
    assert by_bearer.ask("POST", "/refresh", headers).status == 400
    assert refreshed(by_bearer, granted["refresh_token"]).status == 200


def test_a_refresh_brings_state_and_role(pair: tuple[Replica, Replica]) -> None:
    one, other = pair
    granted = login(one).json
    headers = bearer(granted["access_token"])
    assert one.ask("PUT", "/state", headers, {"cart": [1]}).status == 200
    admin = bearer(ADMIN_SECRET)
    changed = other.ask("PUT", "/admin/users/user-000100/role", admin, {"role": "auditor"})
    assert (changed.status, changed.json) == (202, {"effective_within_s": 300})
    renewed = refreshed(other, granted["refresh_token"]).json
    headers = bearer(renewed["access_token"])
    assert one.ask("GET", "/state", headers).json == {"cart": [1]}
    assert one.me(headers).json["role"] == "auditor"


def test_a_minted_credential_has_its_refresh_token(by_bearer: Replica) -> None:
    answer = by_bearer.admin("credentials", {"count": 3, "first_user": 7, "ttl_s": 2})
    for number, minted in enumerate(answer.json["credentials"]):
        assert minted["expires_in"] == 2
        renewed = refreshed(by_bearer, minted["refresh_token"]).json
        assert renewed["expires_in"] == 300
        user_id = by_bearer.me(bearer(renewed["access_token"])).json["user_id"]
        assert user_id == minted["user_id"] == f"user-{7 + number:06d}"


def test_without_the_store_access_tokens_work_and_nothing_is_refreshed() -> None:
    with ExitStack() as server:
        with start_store() as store:
            port = int(store.url.rsplit(":", 1)[1].split("/")[0])
            flags = ("--store", store.url, "--origin", ORIGIN[1], *CHEAP_LOGIN)
            one = server.enter_context(running("jwt_refresh", *flags))
            granted = login(one).json
        headers = bearer(granted["access_token"])
        for answer in (
            refreshed(one, granted["refresh_token"]),
            one.ask("POST", "/login", [ORIGIN], LOGIN),
            one.ask("POST", "/logout", headers),
            one.ask("PUT", "/state", headers, {"cart": [1]}),
            one.admin("users/user-000100/revoke"),
            one.ask("GET", "/readyz"),
        ):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert one.me(headers).status == 200
        with start_store(port):
            eventually(lambda: one.ask("GET", "/readyz").status == 200)
            lost = refreshed(one, granted["refresh_token"])
            assert (lost.status, lost.json["error"]) == (401, "unknown_refresh")
            assert refreshed(one, login(one).json["refresh_token"]).status == 200

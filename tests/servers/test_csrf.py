"""Who may change state by cookie: the table, on real servers, and the token by itself."""

from __future__ import annotations

from typing import Any

import pytest

from servers.csrf import CsrfGuard
from servers.errors import Refused
from tests.servers.conftest import Arm
from tests.servers.processes import Headers

GUARD = CsrfGuard(b"k" * 32, ["https://shop.example"])
OK = "ok"


def proofs(arm: Arm, origin: str | None, site: str | None, token: str | None) -> list[Any]:
    values = {"Origin": origin, "Sec-Fetch-Site": site, "X-CSRF-Token": token}
    return [(name, value) for name, value in values.items() if value is not None]


@pytest.mark.parametrize(
    ("origin", "site", "token", "allowed"),
    [
        (OK, None, OK, True),
        (OK, "same-origin", OK, True),
        (None, "same-origin", OK, False),
        ("null", None, OK, False),
        ("https://shop.example.evil.example", None, OK, False),
        ("https://shop.example:443", None, OK, False),
        ("http://shop.example", None, OK, False),
        ("HTTPS://SHOP.EXAMPLE", None, OK, False),
        (OK, "same-site", OK, False),
        (OK, "cross-site", OK, False),
        (OK, "none", OK, False),
        (OK, "", OK, False),
        (OK, None, None, False),
        (OK, None, "", False),
        (OK, None, "another login's", False),
        (OK, None, "x" * 22 + "." + "y" * 43, False),
        (OK, None, "é" * 22 + ".y", False),
    ],
)
def test_a_change_by_cookie(
    arm: Arm, origin: str | None, site: str | None, token: str | None, allowed: bool
) -> None:
    minted, other = arm.mint(), arm.mint()
    token = {OK: minted.csrf_token, "another login's": other.csrf_token}.get(token or "", token)
    origin = arm.origin if origin == OK else origin
    headers: Headers = [*minted.cookie(arm.cookie_name), *proofs(arm, origin, site, token)]
    for method, path in (("PUT", "/state"), ("POST", "/logout")):
        answer = arm.replicas[1].ask(method, path, headers, {"cart": []})
        assert (answer.status in (200, 202)) is allowed
        assert allowed or answer.status == 403


def test_reading_by_cookie_needs_no_proof(arm: Arm) -> None:
    minted = arm.mint()
    assert arm.first.me(minted.cookie(arm.cookie_name)).status == 200
    assert arm.first.ask("GET", "/state", minted.cookie(arm.cookie_name)).status == 200


def test_bearer_needs_no_proof_unless_a_cookie_comes_along(arm: Arm) -> None:
    minted = arm.mint()
    assert arm.first.ask("PUT", "/state", minted.bearer, {}).status == 200
    both = [*minted.bearer, *minted.cookie(arm.cookie_name)]
    assert arm.first.ask("PUT", "/state", both, {}).status == 400


def test_a_cookies_new_credential_keeps_the_token(arm: Arm) -> None:
    minted = arm.mint()
    proof = [("Origin", arm.origin), ("X-CSRF-Token", minted.csrf_token)]
    answer = arm.first.ask(
        "PUT", "/state", [*minted.cookie(arm.cookie_name), *proof], {"cart": [1]}
    )
    assert answer.status == 200
    kept = answer.headers["Set-Cookie"]
    cookie = kept.partition(";")[0] if kept else minted.cookie(arm.cookie_name)[0][1]
    again = arm.first.ask("PUT", "/state", [("Cookie", cookie), *proof], {"cart": [2]})
    assert again.status == 200


def test_a_logout_by_cookie_clears_it(arm: Arm) -> None:
    minted = arm.mint()
    proof = [("Origin", arm.origin), ("X-CSRF-Token", minted.csrf_token)]
    answer = arm.first.ask("POST", "/logout", [*minted.cookie(arm.cookie_name), *proof])
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_login_from_elsewhere_is_refused(arm: Arm, origin: str) -> None:
    body = {"username": "user-000001", "password": "authbench-demo"}
    assert arm.first.ask("POST", "/login", [("Origin", origin)], body).status == 403


def test_a_login_without_origin(arm: Arm) -> None:
    body = {"username": "user-000001", "password": "authbench-demo"}
    expected = 403 if arm.spec.natural_carrier == "cookie" else 200
    assert arm.first.ask("POST", "/login", [], body).status == expected


def test_a_token_belongs_to_its_login_and_key() -> None:
    token = GUARD.token("sid")
    headers = {"Origin": "https://shop.example", "X-CSRF-Token": token}
    GUARD.check_change(headers, "sid")
    for guard, sid in ((GUARD, "si"), (CsrfGuard(b"j" * 32, ["https://shop.example"]), "sid")):
        with pytest.raises(Refused):
            guard.check_change(headers, sid)


def test_the_border_between_login_and_nonce_cannot_be_moved() -> None:
    nonce, _, mac = GUARD.token("sid").partition(".")
    headers = {"Origin": "https://shop.example", "X-CSRF-Token": f"d{nonce}.{mac}"}
    with pytest.raises(Refused):
        GUARD.check_change(headers, "si")

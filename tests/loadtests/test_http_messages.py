from __future__ import annotations

from loadtests.http_messages import LOGIN, LOGOUT, ME, REFRESH, STATE, Requests

BEARER = Requests("127.0.0.1", 8001, "bearer", "session")
COOKIE = Requests("127.0.0.1", 8001, "cookie", "session")
JSON = b"Content-Type: application/json\r\n"
FROM_OWN_PAGE = b"Origin: http://127.0.0.1:8001\r\nSec-Fetch-Site: same-origin\r\n"


def test_names_of_endpoints() -> None:
    named = [endpoint.name for endpoint in (ME, STATE, LOGIN, LOGOUT, REFRESH)]
    assert named == ["GET /me", "PUT /state", "POST /login", "POST /logout", "POST /refresh"]


def test_me() -> None:
    assert BEARER.me("abc") == (
        b"GET /me HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nAuthorization: Bearer abc\r\n\r\n"
    )
    assert COOKIE.me("abc") == (
        b"GET /me HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nCookie: session=abc\r\n\r\n"
    )


def test_state_with_a_token() -> None:
    assert BEARER.state("abc", "unused", {"cart": []}) == (
        b"PUT /state HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nAuthorization: Bearer abc\r\n"
        + JSON
        + b'Content-Length: 12\r\n\r\n{"cart": []}'
    )


def test_state_with_a_cookie_says_what_a_browser_would() -> None:
    assert COOKIE.state("abc", "csrf-1", {"cart": []}) == (
        b"PUT /state HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nCookie: session=abc\r\n"
        + FROM_OWN_PAGE
        + b"X-CSRF-Token: csrf-1\r\n"
        + JSON
        + b'Content-Length: 12\r\n\r\n{"cart": []}'
    )


def test_logout() -> None:
    assert BEARER.logout("abc", "") == (
        b"POST /logout HTTP/1.1\r\nHost: 127.0.0.1:8001\r\nAuthorization: Bearer abc\r\n"
        + JSON
        + b"Content-Length: 0\r\n\r\n"
    )


def test_login_carries_no_credential() -> None:
    body = b'{"username": "user-1", "password": "secret"}'
    start = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
    end = JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert BEARER.login("user-1", "secret") == start + end
    assert COOKIE.login("user-1", "secret") == start + FROM_OWN_PAGE + end


def test_refresh_goes_by_its_carrier() -> None:
    start = b"POST /refresh HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
    body = b'{"refresh_token": "abc"}'
    in_body = JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert BEARER.refresh("abc") == start + in_body
    no_body = FROM_OWN_PAGE + JSON + b"Content-Length: 0\r\n\r\n"
    assert COOKIE.refresh("abc") == start + b"Cookie: refresh=abc\r\n" + no_body
    secure = Requests("127.0.0.1", 8001, "cookie", "__Host-session")
    assert b"Cookie: __Secure-refresh=abc\r\n" in secure.refresh("abc")


def test_the_admin_secret_goes_as_bearer_whatever_the_carrier() -> None:
    expected = (
        b"POST /admin/users/user-7/revoke HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
        b"Authorization: Bearer admin\r\n" + JSON + b"Content-Length: 0\r\n\r\n"
    )
    assert BEARER.kick("user-7", "admin") == COOKIE.kick("user-7", "admin") == expected


def test_mint() -> None:
    body = b'{"count": 1, "ttl_s": 2, "first_user": 42}'
    assert BEARER.mint(1, 2, 42, "admin") == (
        b"POST /admin/credentials HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
        b"Authorization: Bearer admin\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


def test_role() -> None:
    body = b'{"role": "moved"}'
    assert BEARER.role("user-7", "moved", "admin") == (
        b"PUT /admin/users/user-7/role HTTP/1.1\r\nHost: 127.0.0.1:8001\r\n"
        b"Authorization: Bearer admin\r\n" + JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


def test_the_length_counts_bytes_not_letters() -> None:
    request = BEARER.login("ü", "ß")
    head, _, body = request.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in head

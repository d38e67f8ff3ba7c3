"""The bytes of every request a scenario sends (docs/method.md, "The HTTP interface")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loadtests.model import Carrier


@dataclass(frozen=True)
class Endpoint:
    """A method and a path; `name` is what slices, charts and Locust's statistics call it."""

    method: str
    path: str

    # Every stamp holds one: made once it costs neither its making nor its room.
    @cached_property
    def name(self) -> str:
        return f"{self.method} {self.path}"


ME = Endpoint("GET", "/me")
STATE = Endpoint("PUT", "/state")
LOGIN = Endpoint("POST", "/login")
LOGOUT = Endpoint("POST", "/logout")
REFRESH = Endpoint("POST", "/refresh")

_REFRESH_COOKIES = {"session": "refresh", "__Host-session": "__Secure-refresh"}


def refresh_cookie(cookie_name: str) -> str:
    """The cookie of refresh tokens beside the one of credentials."""
    return _REFRESH_COOKIES[cookie_name]


class Requests:
    """Builds requests for one replica with one carrier. Constant parts are made once."""

    def __init__(self, host: str, port: int, carrier: Carrier, cookie_name: str) -> None:
        self._host = f"Host: {host}:{port}\r\n"
        self._carrier = carrier
        opening = "Authorization: Bearer " if carrier == "bearer" else f"Cookie: {cookie_name}="
        self._me_start = f"GET /me HTTP/1.1\r\n{self._host}{opening}"
        self._opening = opening
        self._cookie_name = cookie_name
        # What a browser adds to a request that its own page makes.
        origin = f"Origin: http://{host}:{port}\r\nSec-Fetch-Site: same-origin\r\n"
        self._origin = origin if carrier == "cookie" else ""

    def me(self, credential: str) -> bytes:
        return f"{self._me_start}{credential}\r\n\r\n".encode()

    def state(self, credential: str, csrf_token: str, cart: Mapping[str, object]) -> bytes:
        return self._authenticated(STATE, credential, csrf_token, json.dumps(cart))

    def logout(self, credential: str, csrf_token: str) -> bytes:
        return self._authenticated(LOGOUT, credential, csrf_token, "")

    def refresh(self, refresh_token: str) -> bytes:
        """By the carrier's own way: in the body, or in the cookie of refresh tokens."""
        if self._carrier == "bearer":
            return self._whole(REFRESH, "", json.dumps({"refresh_token": refresh_token}))
        cookie = f"Cookie: {refresh_cookie(self._cookie_name)}={refresh_token}\r\n"
        return self._whole(REFRESH, cookie + self._origin, "")

    def login(self, username: str, password: str) -> bytes:
        body = json.dumps({"username": username, "password": password})
        return self._whole(LOGIN, self._origin, body)

    def kick(self, user_id: str, admin_secret: str) -> bytes:
        endpoint = Endpoint("POST", f"/admin/users/{user_id}/revoke")
        return self._whole(endpoint, f"Authorization: Bearer {admin_secret}\r\n", "")

    def role(self, user_id: str, role: str, admin_secret: str) -> bytes:
        endpoint = Endpoint("PUT", f"/admin/users/{user_id}/role")
        body = json.dumps({"role": role})
        return self._whole(endpoint, f"Authorization: Bearer {admin_secret}\r\n", body)

    def mint(self, count: int, ttl_s: int | None, first_user: int, admin_secret: str) -> bytes:
        life = {} if ttl_s is None else {"ttl_s": ttl_s}
        body = json.dumps({"count": count, **life, "first_user": first_user})
        endpoint = Endpoint("POST", "/admin/credentials")
        return self._whole(endpoint, f"Authorization: Bearer {admin_secret}\r\n", body)

    def _authenticated(
        self, endpoint: Endpoint, credential: str, csrf_token: str, body: str
    ) -> bytes:
        headers = f"{self._opening}{credential}\r\n{self._origin}"
        if self._carrier == "cookie":
            headers += f"X-CSRF-Token: {csrf_token}\r\n"
        return self._whole(endpoint, headers, body)

    def _whole(self, endpoint: Endpoint, headers: str, body: str) -> bytes:
        return (
            f"{endpoint.method} {endpoint.path} HTTP/1.1\r\n{self._host}{headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
        ).encode()

"""Cross-site request forgery: what a state-changing request by cookie must prove.

A signed token bound to the login (OWASP's "Signed Double-Submit Cookie", here in a header
against the verified `sid`), an exact Origin, and same-origin where the browser says the site.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

from servers.errors import forbidden

HEADER = "X-CSRF-Token"
_NONCE_BYTES, _NONCE_CHARS = 16, 22


class CsrfGuard:
    """The key is derived from the signing key, so that a token never doubles as a signature."""

    def __init__(self, signing_key: bytes, origins: Iterable[str]) -> None:
        self._key = hmac.digest(signing_key, b"authbench csrf token", hashlib.sha256)
        self._origins = frozenset(origins)

    def token(self, sid: str) -> str:
        """`nonce.mac`, good for as long as the login `sid`."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        return f"{nonce}.{self._mac(sid, nonce)}"

    def check_change(self, headers: Mapping[str, str], sid: str) -> None:
        """A state-changing request by cookie; raises Refused (403)."""
        if headers.get("Origin") not in self._origins:
            raise forbidden("wrong_origin", "the Origin header is missing or not allowed")
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise forbidden("cross_site", "Sec-Fetch-Site is not same-origin")
        if not self._is_token(headers.get(HEADER, ""), sid):
            raise forbidden("wrong_csrf_token", f"{HEADER} is missing or not of this login")

    def check_login(self, headers: Mapping[str, str], *, grants_cookie: bool) -> None:
        """A login has no token yet, so the Origin alone must fit; raises Refused (403)."""
        origin = headers.get("Origin")
        if origin is None and not grants_cookie:
            return
        if origin not in self._origins:
            raise forbidden("wrong_origin", "the Origin header is missing or not allowed")

    def _is_token(self, token: str, sid: str) -> bool:
        nonce, _, mac = token.partition(".")
        if len(nonce) != _NONCE_CHARS or not token.isascii():
            return False
        return hmac.compare_digest(mac, self._mac(sid, nonce))

    def _mac(self, sid: str, nonce: str) -> str:
        digest = hmac.digest(self._key, f"{sid}{nonce}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

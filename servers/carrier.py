"""Reads a credential from a request and writes one to an answer: cookie or bearer.

Strict where servers differ (RFC 9110 §5.3 lets nobody guess which of two Authorization headers
counts), and cheap: no SimpleCookie, two header look-ups.
"""

from __future__ import annotations

import math

from aiohttp.hdrs import AUTHORIZATION, COOKIE
from multidict import CIMultiDictProxy

from servers.errors import Refused, malformed
from servers.strategy import Grant, Rejected

# Browsers keep cookies up to 4096 bytes (RFC 6265 §6.1).
MAX_CREDENTIAL_BYTES = 4_096
MISSING_CREDENTIAL = "missing_credential"
_SCHEME = "bearer"
# RFC 9110 §5.6.3: no other character is white space; `strip` alone takes all of Unicode's.
_SPACE = " \t"


class Carrier:
    """`cookie_name` is `__Host-session`; `session` where `secure` is False."""

    def __init__(self, *, secure: bool) -> None:
        self.cookie_name = "__Host-session" if secure else "session"
        self._refresh_name = "__Secure-refresh" if secure else "refresh"
        aside = "; Secure" if secure else ""
        self._attributes = "Path=/; HttpOnly; SameSite=Lax" + aside
        self._refresh_attributes = "Path=/refresh; HttpOnly; SameSite=Strict" + aside

    def read(self, headers: CIMultiDictProxy[str]) -> tuple[str, bool]:
        """The credential, and whether a cookie carried it.

        Raises Rejected for none or a scheme other than Bearer, Refused (400, 431) for anything
        ambiguous or hostile.
        """
        authorizations = headers.getall(AUTHORIZATION, None)
        cookies = headers.getall(COOKIE, None)
        credential = None if cookies is None else _only(cookies, self.cookie_name)
        via_cookie = credential is not None
        if authorizations is not None:
            if credential is not None:
                raise malformed("a credential cookie and an Authorization header; send one")
            credential = _from_authorizations(authorizations)
        if not credential:
            raise Rejected(MISSING_CREDENTIAL)
        _refuse_hostile(credential)
        return credential, via_cookie

    def read_refresh(self, headers: CIMultiDictProxy[str]) -> str | None:
        """The refresh token of its cookie, if that was sent; raises Refused as `read` does."""
        token = _only(headers.getall(COOKIE, []), self._refresh_name)
        if token is not None:
            _refuse_hostile(token)
        return token

    def set_cookies(self, grant: Grant) -> list[str]:
        """Set-Cookie values; without Max-Age for a credential that never expires."""
        access = f"{self.cookie_name}={grant.credential}; {self._attributes}"
        cookies = [access + _max_age(grant.expires_in_s)]
        if grant.refresh_token is not None:
            refresh = f"{self._refresh_name}={grant.refresh_token}; {self._refresh_attributes}"
            cookies.append(refresh + _max_age(grant.refresh_expires_in_s))
        return cookies

    def clear_cookies(self, *, refreshes: bool) -> list[str]:
        """Set-Cookie values that make a client forget the credential, and the refresh token."""
        cleared = [f"{self.cookie_name}=; {self._attributes}; Max-Age=0"]
        if refreshes:
            cleared.append(f"{self._refresh_name}=; {self._refresh_attributes}; Max-Age=0")
        return cleared


def _max_age(life_s: float | None) -> str:
    return "" if life_s is None else f"; Max-Age={math.ceil(life_s)}"


def _only(headers: list[str], name: str) -> str | None:
    """The value of the one cookie of that name; raises Refused when there are two."""
    found: str | None = None
    for header in headers:
        for pair in header.split(";"):
            key, _, value = pair.partition("=")
            if key.strip(_SPACE) == name:
                if found is not None:
                    raise malformed(f"the cookie {name} was sent more than once")
                found = value.strip(_SPACE)
    return found


def _refuse_hostile(credential: str) -> None:
    if not credential.isascii():
        raise malformed("the credential is not ASCII")
    if len(credential) > MAX_CREDENTIAL_BYTES:
        raise Refused(431, "too_large", f"credential over {MAX_CREDENTIAL_BYTES} bytes")


def _from_authorizations(headers: list[str]) -> str:
    if len(headers) != 1:
        raise malformed("the header Authorization was sent more than once")
    scheme, _, credential = headers[0].partition(" ")
    if scheme.lower() != _SCHEME:
        raise Rejected("unsupported_scheme")
    return credential.strip(" ")

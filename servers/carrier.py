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


class Carrier:
    """`cookie_name` is `__Host-session`; `session` where `secure` is False."""

    def __init__(self, *, secure: bool) -> None:
        self.cookie_name = "__Host-session" if secure else "session"
        self._attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, headers: CIMultiDictProxy[str]) -> tuple[str, bool]:
        """The credential, and whether a cookie carried it.

        Raises Rejected for none or a scheme other than Bearer, Refused (400, 431) for anything
        ambiguous or hostile.
        """
        authorizations = headers.getall(AUTHORIZATION, None)
        cookies = headers.getall(COOKIE, None)
        credential = None if cookies is None else self._from_cookies(cookies)
        via_cookie = credential is not None
        if authorizations is not None:
            if credential is not None:
                raise malformed("a credential cookie and an Authorization header; send one")
            credential = _from_authorizations(authorizations)
        if not credential:
            raise Rejected(MISSING_CREDENTIAL)
        if not credential.isascii():
            raise malformed("the credential is not ASCII")
        if len(credential) > MAX_CREDENTIAL_BYTES:
            raise Refused(431, "too_large", f"credential over {MAX_CREDENTIAL_BYTES} bytes")
        return credential, via_cookie

    def set_cookie(self, grant: Grant) -> str:
        """A Set-Cookie value; without Max-Age for a credential that never expires."""
        cookie = f"{self.cookie_name}={grant.credential}; {self._attributes}"
        if grant.expires_in_s is None:
            return cookie
        return f"{cookie}; Max-Age={math.ceil(grant.expires_in_s)}"

    def clear_cookie(self) -> str:
        return f"{self.cookie_name}=; {self._attributes}; Max-Age=0"

    def _from_cookies(self, headers: list[str]) -> str | None:
        found: str | None = None
        for header in headers:
            for pair in header.split(";"):
                name, _, value = pair.partition("=")
                if name.strip() == self.cookie_name:
                    if found is not None:
                        raise malformed(f"the cookie {self.cookie_name} was sent more than once")
                    found = value.strip()
        return found


def _from_authorizations(headers: list[str]) -> str:
    if len(headers) != 1:
        raise malformed("the header Authorization was sent more than once")
    scheme, _, credential = headers[0].partition(" ")
    if scheme.lower() != _SCHEME:
        raise Rejected("unsupported_scheme")
    return credential.strip(" ")

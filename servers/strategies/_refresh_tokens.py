"""Refresh tokens: opaque, and each with one successor that every replica computes alike.

    <family>.<secret><check>      family: 26 characters of base64url, secret and check: 22 each

The secret holds 128 bits: random in the first token of a family, from then on the HMAC-SHA256 of
the token before, so that the store needs hashes alone and a repeated answer is the identical one.
The check is an HMAC of all that stands before it. What fails it was never handed out: it is
refused without asking the store, and whoever read a family's name in an access token cannot end
that family with a made-up secret. What passes it is, or once was, a member (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from servers.strategy import Rejected

# 128 bits are 22 characters of base64url.
_HALF_BYTES, _HALF_CHARS = 16, 22
_SHAPE = re.compile(r"([A-Za-z0-9_-]{26})\.[A-Za-z0-9_-]{44}")


class RefreshTokens:
    """The keys are derived from the signing key, so that none doubles as another."""

    def __init__(self, signing_key: bytes) -> None:
        self._check_key = hmac.digest(signing_key, b"authbench refresh check", hashlib.sha256)
        self._next_key = hmac.digest(signing_key, b"authbench refresh successor", hashlib.sha256)

    def first(self, family: str) -> str:
        return self._checked(f"{family}.{secrets.token_urlsafe(_HALF_BYTES)}")

    def successor(self, token: str) -> str:
        """What `token`, a token of ours, is exchanged for."""
        return self._checked(f"{_family_in(token)}.{_mac(self._next_key, token)}")

    def family_of(self, token: str) -> str:
        """The family of a token of ours, current or not; raises Rejected for any other text."""
        family = _family_in(token)
        body, check = token[:-_HALF_CHARS], token[-_HALF_CHARS:]
        if not hmac.compare_digest(check, _mac(self._check_key, body)):
            raise Rejected("invalid_refresh")
        return family

    def _checked(self, body: str) -> str:
        return body + _mac(self._check_key, body)


def hash_of(token: str) -> bytes:
    """What the store knows of a token; 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def _family_in(token: str) -> str:
    shape = _SHAPE.fullmatch(token)
    if shape is None:
        raise Rejected("malformed")
    return shape[1]


def _mac(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), hashlib.sha256)[:_HALF_BYTES]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

"""JSON Web Tokens (RFC 7519; profile `at+jwt`, RFC 9068): claims to token and back.

PyJWT checks signature, times, issuer and audience. Checked here, because it is lenient there:
the type header, whole-number times, the types of our own claims, and padding (`token + "="`
would pass as the same token).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt

from servers.settings import SettingsError
from servers.strategy import Rejected

TYPE = "at+jwt"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]
_CLAIM_TYPES = (("exp", int), ("iat", int), ("auth_time", int), ("sid", str), ("role", str))
NO_CLAIMS: Mapping[str, type] = {}
# What PyJWT and the json module raise for bytes that are not a token of ours.
_NOT_OURS = (jwt.PyJWTError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Key:
    """The one algorithm a key is used with (RFC 8725 §3.1), and the key as PyJWT wants it.

    `kid` names it in the header of its tokens (RFC 7515 §4.1.4); None: the only key there is.
    `published` is `verifying` as a JWK (RFC 7517 §4); None: not public.
    """

    algorithm: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)
    kid: str | None = None
    published: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        too_short = algorithm.check_key_length(algorithm.prepare_key(self.verifying))
        if too_short:
            raise SettingsError(f"{self.algorithm}: {too_short}")

    @property
    def header(self) -> dict[str, str]:
        return {"typ": TYPE} if self.kid is None else {"typ": TYPE, "kid": self.kid}


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Claims and lives shared by every token of a server; seconds.

    `minted_ttl_s` is the life of tokens minted for load without a life of their own; 0: as usual.
    """

    issuer: str
    audience: str
    token_ttl_s: int
    clock_leeway_s: float
    minted_ttl_s: int = 0


class Decoder(Protocol):
    """Reads tokens; `decode` raises Rejected, nothing else."""

    def decode(self, token: str) -> dict[str, Any]: ...


class Codec:
    """Claims to token with the first of `keys`, and back with the one the token names.

    A token must have each of `more_claims`, and of that type.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        settings: TokenSettings,
        more_claims: Mapping[str, type] = NO_CLAIMS,
    ) -> None:
        self._claim_types = (*_CLAIM_TYPES, *more_claims.items())
        self._signing = keys[0]
        self._settings = settings
        self.published = [dict(key.published) for key in keys if key.published is not None]
        self._by_kid = {key.kid: key for key in keys}
        self._pyjwt = jwt.PyJWT(
            options={"require": REQUIRED, "strict_aud": True, "enforce_minimum_key_length": True}
        )
        self._pyjws = jwt.PyJWS(options={"enforce_minimum_key_length": True})
        # Our own headers, so that a good token's is not read twice.
        self._by_header = {self._header_of(key): key for key in keys}

    def encode(self, claims: Mapping[str, Any]) -> str:
        return self._encode(self._signing, claims)

    def decode(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours that is still good; raises Rejected, nothing else."""
        decoded = self._verified(
            token,
            self._pyjwt.decode_complete,
            audience=self._settings.audience,
            issuer=self._settings.issuer,
            leeway=self._settings.clock_leeway_s,
        )
        claims: dict[str, Any] = decoded["payload"]
        if decoded["header"].get("typ") != TYPE:
            raise Rejected("wrong_type")
        for name, kind in self._claim_types:
            # `type`, not isinstance: true is an int too.
            if type(claims.get(name)) is not kind:
                raise Rejected("invalid_claim")
        if type(claims.get("state")) is not dict:
            raise Rejected("invalid_claim")
        return claims

    def signed_bytes(self, token: str) -> bytes:
        """What is signed with a key of ours, claims or not; raises Rejected, nothing else.

        The signature layer of `decode` on its own (RFC 7515 §5.2).
        """
        payload: bytes = self._verified(token, self._pyjws.decode_complete)["payload"]
        return payload

    def _verified(
        self, token: str, decode_complete: Callable[..., dict[str, Any]], **expected: Any
    ) -> dict[str, Any]:
        if "=" in token:
            raise Rejected("malformed")
        header = token.partition(".")[0]
        key = self._by_header.get(header) or self._named_in(header)
        try:
            return decode_complete(token, key.verifying, [key.algorithm], **expected)
        except jwt.ExpiredSignatureError:
            raise Rejected("expired") from None
        except _NOT_OURS:
            raise Rejected("invalid_token") from None

    def _encode(self, key: Key, claims: Mapping[str, Any]) -> str:
        return self._pyjwt.encode(dict(claims), key.signing, key.algorithm, headers=key.header)

    def _header_of(self, key: Key) -> str:
        return self._encode(key, {}).partition(".")[0]

    def _named_in(self, header: str) -> Key:
        """The key a foreign header names, from the static map alone (RFC 8725 §3.10)."""
        try:
            named = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
            return self._by_kid[named.get("kid")]
        except (binascii.Error, ValueError, RecursionError, AttributeError, TypeError, KeyError):
            raise Rejected("invalid_token") from None

"""Self-contained access tokens (JWT, RFC 7519; profile `at+jwt`, RFC 9068), any one algorithm.

PyJWT checks signature, times, issuer and audience. Checked here, because it is lenient there:
the type header, whole-number times, the types of our own claims, and padding (`token + "="`
would pass as the same token).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

from servers.settings import SettingsError
from servers.strategy import Effect, Grant, Identity, Rejected, TtlRefused
from servers.users import User

TYPE = "at+jwt"
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]
_ID_BYTES = 16
_CLAIM_TYPES = (("exp", int), ("iat", int), ("auth_time", int), ("sid", str), ("role", str))
# What PyJWT and the json module raise for bytes that are not a token of ours.
_NOT_OURS = (jwt.PyJWTError, ValueError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Key:
    """The one algorithm a key is used with (RFC 8725 §3.1), and the key as PyJWT wants it."""

    algorithm: str
    signing: Any = field(repr=False)
    verifying: Any = field(repr=False)

    def __post_init__(self) -> None:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        too_short = algorithm.check_key_length(algorithm.prepare_key(self.verifying))
        if too_short:
            raise SettingsError(f"{self.algorithm}: {too_short}")


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Claims and lives shared by every token of a server; seconds."""

    issuer: str
    audience: str
    token_ttl_s: int
    clock_leeway_s: float


class Codec:
    """Claims to token and back, with one key."""

    def __init__(self, key: Key, settings: TokenSettings) -> None:
        self._key = key
        self._settings = settings
        self._algorithms = [key.algorithm]
        self._pyjwt = jwt.PyJWT(
            options={"require": REQUIRED, "strict_aud": True, "enforce_minimum_key_length": True}
        )

    def encode(self, claims: Mapping[str, Any]) -> str:
        return self._pyjwt.encode(
            dict(claims), self._key.signing, self._key.algorithm, headers={"typ": TYPE}
        )

    def decode(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours that is still good; raises Rejected, nothing else."""
        if "=" in token:
            raise Rejected("malformed")
        try:
            decoded = self._pyjwt.decode_complete(
                token,
                self._key.verifying,
                self._algorithms,
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=self._settings.clock_leeway_s,
            )
        except jwt.ExpiredSignatureError:
            raise Rejected("expired") from None
        except _NOT_OURS:
            raise Rejected("invalid_token") from None
        claims: dict[str, Any] = decoded["payload"]
        if decoded["header"].get("typ") != TYPE:
            raise Rejected("wrong_type")
        for name, kind in _CLAIM_TYPES:
            # `type`, not isinstance: true is an int too.
            if type(claims.get(name)) is not kind:
                raise Rejected("invalid_claim")
        if type(claims.get("state")) is not dict:
            raise Rejected("invalid_claim")
        return claims


class TokenStrategy:
    """Nothing is stored: a token is good until it expires, whatever happens meanwhile."""

    def __init__(self, key: Key, settings: TokenSettings) -> None:
        self._codec = Codec(key, settings)
        self._settings = settings
        self._kick_effect = Effect(settings.token_ttl_s + settings.clock_leeway_s)

    async def issue(self, user: User) -> Grant:
        return self._issue(user, self._settings.token_ttl_s)

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        longest_s = self._settings.token_ttl_s
        life_s = longest_s if ttl_s is None else ttl_s
        if life_s != int(life_s) or not 1 <= life_s <= longest_s:
            raise TtlRefused(f"ttl_s: a whole number from 1 to {longest_s}")
        return [self._issue(user, int(life_s)) for user in users]

    async def verify(self, credential: str) -> Identity:
        claims = self._codec.decode(credential)
        return Identity(claims["sub"], claims["role"], claims["sid"], claims["state"], claims)

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> Grant:
        claims = {**identity.record, "jti": secrets.token_urlsafe(_ID_BYTES), "state": state}
        remaining_s = max(0.0, claims["exp"] - time.time())
        return Grant(self._codec.encode(claims), identity.sid, remaining_s)

    async def logout(self, identity: Identity) -> Effect:
        remaining_s = identity.record["exp"] + self._settings.clock_leeway_s - time.time()
        return Effect(max(0.0, remaining_s))

    async def revoke_user(self, user_id: str) -> Effect:
        return self._kick_effect

    async def revoke_all(self) -> Effect:
        return self._kick_effect

    async def ready(self) -> None:
        return

    def _issue(self, user: User, ttl_s: int) -> Grant:
        now_s = int(time.time())
        sid = secrets.token_urlsafe(_ID_BYTES)
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": user.user_id,
            "iat": now_s,
            "exp": now_s + ttl_s,
            "jti": secrets.token_urlsafe(_ID_BYTES),
            "sid": sid,
            "role": user.role,
            "auth_time": now_s,
            "state": {},
        }
        return Grant(self._codec.encode(claims), sid, float(ttl_s))

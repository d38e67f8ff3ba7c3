"""Self-contained access tokens, any one algorithm: asked of nobody, taken back by nobody."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from servers.strategies._jwt import Codec, Decoder, TokenSettings
from servers.strategy import Effect, Grant, Identity, Impossible, Law, Strategy, TtlRefused
from servers.users import User

_ID_BYTES = 16
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """`clock_leeway_s` forgives clocks that differ: a token is good that much longer.

    `minted_ttl_s` is the life of tokens minted for load, where none is asked for: with short lives
    nobody could be measured for long. The law is not about them. 0: `token_ttl_s`.
    """

    token_ttl_s: int = 900
    clock_leeway_s: float = 0.0
    issuer: str = "authbench"
    audience: str = "authbench-api"
    minted_ttl_s: int = 0

    @property
    def settings(self) -> TokenSettings:
        return TokenSettings(
            self.issuer, self.audience, self.token_ttl_s, self.clock_leeway_s, self.minted_ttl_s
        )


def expiry_law(options: TokenOptions) -> Law:
    """What holds where nothing but expiry ends a token."""
    bound_s = options.token_ttl_s + options.clock_leeway_s
    return Law(
        bound_s=bound_s,
        sentence=f"when the token expires: up to {bound_s:g} s after the acknowledgement"
        + but_minted(options.minted_ttl_s),
        store_down="unaffected: it has no store",
        store_back="unaffected: it has no store",
    )


def but_minted(minted_ttl_s: int) -> str:
    """How a law excepts the tokens of `minted_ttl_s`, where there are such."""
    return f"; tokens minted for load live {minted_ttl_s} s" if minted_ttl_s else ""


class TokenStrategy(Strategy):
    """Nothing is stored: a token is good until it expires, whatever happens meanwhile.

    `codec` signs; `decoder` reads, and may remember what it read.
    """

    def __init__(
        self, codec: Codec, settings: TokenSettings, decoder: Decoder | None = None
    ) -> None:
        self._codec = codec
        self._decode = (decoder or codec).decode
        self._settings = settings
        self._until_expiry = Effect(settings.token_ttl_s + settings.clock_leeway_s)

    async def issue(self, user: User) -> Grant:
        return self._grant(user, self._settings.token_ttl_s)

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        life_s = self._checked_life_s(ttl_s)
        return [self._grant(user, life_s) for user in users]

    async def verify(self, credential: str) -> Identity:
        claims = self._decode(credential)
        return Identity(claims["sub"], claims["role"], claims["sid"], claims["state"], claims)

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> Grant:
        return self._reissued(identity, state=state)

    async def logout(self, identity: Identity) -> Effect:
        remaining_s = identity.record["exp"] + self._settings.clock_leeway_s - time.time()
        return Effect(max(0.0, remaining_s))

    async def revoke_user(self, user_id: str) -> Effect:
        return self._until_expiry

    async def revoke_others(self, identity: Identity) -> tuple[Effect, Grant | None]:
        return self._until_expiry, None

    async def revoke_all(self) -> Effect:
        return self._until_expiry

    async def set_role(self, user_id: str, role: str) -> Effect:
        raise Impossible("the role stands in tokens that nobody can change before they expire")

    async def ready(self) -> None:
        return

    def public_keys(self) -> list[dict[str, str]]:
        return self._codec.published

    def _checked_life_s(self, ttl_s: float | None) -> int:
        """Raises TtlRefused: times in our tokens are whole seconds, none asked for beyond the
        law's."""
        longest_s = self._settings.token_ttl_s
        if ttl_s is None:
            return self._settings.minted_ttl_s or longest_s
        if ttl_s != int(ttl_s) or not 1 <= ttl_s <= longest_s:
            raise TtlRefused(f"ttl_s: a whole number from 1 to {longest_s}")
        return int(ttl_s)

    def _grant(self, user: User, ttl_s: int, more_claims: Mapping[str, Any] = _NOTHING) -> Grant:
        """A token of a new login; `more_claims` add to the usual ones or replace them."""
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
            **more_claims,
        }
        return Grant(self._codec.encode(claims), sid, float(ttl_s))

    def _reissued(self, identity: Identity, **changes: Any) -> Grant:
        """The same login with other claims: same `sid`, `auth_time` and `exp`."""
        claims = {**identity.record, "jti": secrets.token_urlsafe(_ID_BYTES), **changes}
        remaining_s = max(0.0, claims["exp"] - time.time())
        return Grant(self._codec.encode(claims), identity.sid, remaining_s)

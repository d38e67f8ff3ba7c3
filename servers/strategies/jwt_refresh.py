"""Short access tokens (HS256), and a rotating refresh token in Redis that buys the next one.

login      makes a family of refresh tokens; signs an access token that names it (`sid`)
request    checks the access token's signature and claims; asks nobody
refresh    one script: the current token is exchanged, the one before it gets the same answer
           within `grace_s`, any older one ends the family (RFC 9700 §4.14.2)
logout     deletes the family; an access token stays good until it expires
kick       deletes every family in the user's index, in one script
role       rewritten in every family of the user; tokens say it from the next refresh on
law        the life of an access token: `access_ttl_s` + `clock_leeway_s`
store      one hash and one sorted-set member per login, no token in plain; down: requests go on
           for that life, login and refresh 503; back empty: log in again
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from servers.carrier import MAX_CREDENTIAL_BYTES
from servers.errors import too_large
from servers.settings import SettingsError
from servers.strategies._jwt import Codec, Key, TokenSettings
from servers.strategies._redis import open_store
from servers.strategies._refresh_families import (
    Families,
    Family,
    FamilySettings,
    NewFamily,
    new_name,
)
from servers.strategies._refresh_tokens import RefreshTokens, hash_of
from servers.strategies._tokens import TokenStrategy, but_minted
from servers.strategy import CarrierName, Context, Effect, Grant, Identity, Law, Rejected
from servers.users import User

NATURAL_CARRIER: CarrierName = "bearer"
NEEDS_STORE = True
REFRESHES = True

# A role of 32 characters in place of one of 1 adds 42 to a token. With room for that, a state
# that was kept never makes a token that a refresh could not hand out.
_ROLE_ROOM_BYTES = 42
_LARGEST_WITH_STATE_BYTES = MAX_CREDENTIAL_BYTES - _ROLE_ROOM_BYTES
# Logins stored in one round trip.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Options:
    """`refresh_ttl_s` is renewed by a refresh, `absolute_ttl_s` (a login's end, for its access
    tokens too) by nothing; with `one_session` a login ends the user's others. For `grace_s` after
    a refresh the token it was bought with is answered with the same successor again. Access tokens
    minted for load without a life of their own live `minted_ttl_s` (0: as usual); the law is not
    about them."""

    access_ttl_s: int = 300
    refresh_ttl_s: float = 86_400.0
    absolute_ttl_s: float = 604_800.0
    grace_s: float = 0.0
    clock_leeway_s: float = 0.0
    issuer: str = "authbench"
    audience: str = "authbench-api"
    one_session: bool = False
    minted_ttl_s: int = 0

    def __post_init__(self) -> None:
        if self.access_ttl_s > self.refresh_ttl_s:
            raise SettingsError(
                f"--set access_ttl_s={self.access_ttl_s}: "
                f"allowed is at most refresh_ttl_s = {self.refresh_ttl_s:g}"
            )
        if self.grace_s > self.access_ttl_s:
            raise SettingsError(
                f"--set grace_s={self.grace_s:g}: "
                f"allowed is at most access_ttl_s = {self.access_ttl_s}"
            )

    @property
    def bound_s(self) -> float:
        return self.access_ttl_s + self.clock_leeway_s

    @property
    def tokens(self) -> TokenSettings:
        return TokenSettings(
            self.issuer, self.audience, self.access_ttl_s, self.clock_leeway_s, self.minted_ttl_s
        )

    @property
    def families(self) -> FamilySettings:
        return FamilySettings(
            self.refresh_ttl_s, self.absolute_ttl_s, self.grace_s, self.one_session
        )


def law(options: Options) -> Law:
    bound = f"{options.bound_s:g} s"
    return Law(
        bound_s=options.bound_s,
        sentence=(
            f"when the access token expires: up to {bound} after the acknowledgement; from the "
            "acknowledgement on no refresh token of a revoked login buys another"
        )
        + but_minted(options.minted_ttl_s),
        store_down=(
            f"access tokens work on until they expire, at most {bound}; login, refresh, logout, "
            "kick and state are answered 503 with Retry-After, within the store's deadline"
        ),
        store_back=(
            "works again by itself; logins the store lost must log in again when their access "
            "token expires; a refresh answered 503 may have happened: its token is good for "
            f"another try within {options.grace_s:g} s, later it ends the login; with appendfsync "
            "everysec about 2 s of logouts and kicks may be undone and of refreshes end in a new "
            "login, with always none"
        ),
        # An access token asks nobody; its refresh token is lost with the store.
        down="serves",
        survivors="serve",
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[RefreshedTokens]:
    key, options = context.settings.signing_key, context.options
    codec = Codec([Key("HS256", signing=key, verifying=key)], options.tokens)
    async with open_store(context.settings) as store:
        families = Families(store, options.families, context.settings.key_prefix)
        yield RefreshedTokens(codec, options.tokens, RefreshTokens(key), families)


class RefreshedTokens(TokenStrategy):
    """A login is a family of refresh tokens; the `sid` of its access tokens is its name."""

    def __init__(
        self,
        codec: Codec,
        settings: TokenSettings,
        refresh_tokens: RefreshTokens,
        families: Families,
    ) -> None:
        super().__init__(codec, settings)
        self._refresh_tokens = refresh_tokens
        self._families = families
        self._refreshes = self._reuses = 0

    async def issue(self, user: User) -> Grant:
        now_s = int(time.time())
        token, new = self._new_family(user, now_s)
        family = await self._families.create(new)
        return self._granted(family, token, now_s, self._settings.token_ttl_s)

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        """`ttl_s` is the life of the access token; what it is refreshed to lives as usual."""
        life_s = self._checked_life_s(ttl_s)
        grants: list[Grant] = []
        for start in range(0, len(users), _BATCH):
            grants += await self._issue_batch(users[start : start + _BATCH], life_s)
        return grants

    async def _issue_batch(self, users: Sequence[User], life_s: int) -> list[Grant]:
        now_s = int(time.time())
        logins = [self._new_family(user, now_s) for user in users]
        families = await self._families.create_many([new for _, new in logins])
        return [
            self._granted(family, token, now_s, life_s)
            for family, (token, _) in zip(families, logins, strict=True)
        ]

    async def refresh(self, refresh_token: str) -> Grant:
        """A kick acknowledged after the rotation finds a token that expires as if made before it:
        its times come from a clock read before the rotation was sent."""
        name = self._refresh_tokens.family_of(refresh_token)
        successor = self._refresh_tokens.successor(refresh_token)
        now_s = int(time.time())
        try:
            family = await self._families.rotate(name, hash_of(refresh_token), hash_of(successor))
        except Rejected as refused:
            self._reuses += refused.code == "refresh_reused"
            raise
        self._refreshes += 1
        return self._granted(family, successor, now_s, self._settings.token_ttl_s)

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> Grant:
        """Kept in the family for the next refresh, and carried by a re-issued access token.

        Raises Refused (413), and keeps nothing, when tokens could not carry it.
        """
        grant = self._reissued(identity, state=state)
        if len(grant.credential) > _LARGEST_WITH_STATE_BYTES:
            raise too_large(f"the credential would exceed {MAX_CREDENTIAL_BYTES} bytes")
        await self._families.write_state(identity.sid, state)
        return grant

    async def logout(self, identity: Identity) -> Effect:
        """The effect is that on the access token which asked."""
        await self._families.drop(identity.sid, identity.user_id)
        return await super().logout(identity)

    async def revoke_user(self, user_id: str) -> Effect:
        await self._families.end_others(user_id, keep="")
        return self._until_expiry

    async def revoke_others(self, identity: Identity) -> tuple[Effect, None]:
        await self._families.end_others(identity.user_id, keep=identity.sid)
        return self._until_expiry, None

    async def revoke_all(self) -> Effect:
        await self._families.end_all()
        return self._until_expiry

    async def set_role(self, user_id: str, role: str) -> Effect:
        await self._families.set_role(user_id, role)
        return self._until_expiry

    async def ready(self) -> None:
        await self._families.ready()

    def counters(self) -> Mapping[str, int]:
        return {"refreshes": self._refreshes, "refresh_reuses": self._reuses}

    def _new_family(self, user: User, now_s: int) -> tuple[str, NewFamily]:
        """The first refresh token, and what the store keeps of it."""
        name = new_name(user.user_id)
        token = self._refresh_tokens.first(name)
        return token, NewFamily(name, user, now_s, hash_of(token))

    def _granted(self, family: Family, refresh_token: str, now_s: int, life_s: int) -> Grant:
        """An access token of `life_s` from `now_s` on, or until the login ends."""
        life_s = min(life_s, int(family.ends_in_s))
        claims = {
            "iat": now_s,
            "exp": now_s + life_s,
            "sid": family.name,
            "auth_time": family.auth_time_s,
            "state": family.state,
        }
        grant = self._grant(User(family.user_id, family.role), life_s, claims)
        return Grant(
            credential=grant.credential,
            sid=family.name,
            expires_in_s=grant.expires_in_s,
            refresh_token=refresh_token,
            refresh_expires_in_s=family.idle_ends_in_s,
        )

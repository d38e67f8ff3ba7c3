"""Tokens (HS256) that a register can take back: all but how a request learns what was revoked.

Besides the usual claims they carry `gen`, the generation of the store that granted them, and
`epoch`, where the user stood then.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servers.strategies._follower import Follower
from servers.strategies._jwt import Codec, Decoder, TokenSettings
from servers.strategies._keys import open_codec
from servers.strategies._redis import Store
from servers.strategies._revocation_scripts import Medium
from servers.strategies._revocation_view import (
    FOREIGN_EPOCH,
    Change,
    LossPolicy,
    Memory,
    RevocationView,
)
from servers.strategies._revocations import Revocations, Standing
from servers.strategies._tokens import TokenOptions, TokenStrategy
from servers.strategy import Context, Effect, Grant, Identity
from servers.users import User

_CLAIMS: Mapping[str, type] = {"gen": str, "epoch": int}
# Logins registered in one round trip.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class RevocableOptions(TokenOptions):
    """With `one_session` a login ends the user's others."""

    one_session: bool = False

    @property
    def until_expiry_s(self) -> float:
        return self.token_ttl_s + self.clock_leeway_s

    @property
    def memory(self) -> Memory:
        return Memory(max(self.token_ttl_s, self.minted_ttl_s), self.clock_leeway_s)


EVERYSEC = "with appendfsync everysec about 2 s of revocations may be undone, with always none"


def revocable_codec(context: Context) -> Codec:
    return open_codec(context, "HS256", _CLAIMS)


def register(context: Context, store: Store, medium: Medium) -> Revocations:
    options: RevocableOptions = context.options
    return Revocations(
        store,
        context.settings.key_prefix,
        medium,
        options.memory,
        one_session=options.one_session,
    )


class RevocableTokens(TokenStrategy):
    """A subclass adds `verify`; where it remembers revocations, it notes those made here at once.

    `effect`: when what was revoked or changed here is out or changed on every replica;
    `on_store_loss`: what becomes of tokens that a lost store granted.
    """

    def __init__(
        self,
        codec: Codec,
        settings: TokenSettings,
        revocations: Revocations,
        effect: Effect,
        on_store_loss: LossPolicy,
        decoder: Decoder | None = None,
    ) -> None:
        super().__init__(codec, settings, decoder)
        self._revocations = revocations
        self._effect = effect
        self._foreign_epoch = FOREIGN_EPOCH[on_store_loss]

    async def issue(self, user: User) -> Grant:
        (grant,) = await self._log_in([user], self._settings.token_ttl_s)
        return grant

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        life_s = self._checked_life_s(ttl_s)
        grants: list[Grant] = []
        for start in range(0, len(users), _BATCH):
            grants += await self._log_in(users[start : start + _BATCH], life_s)
        return grants

    async def _log_in(self, users: Sequence[User], life_s: int) -> list[Grant]:
        """Times come from a clock read before the register: a revocation that finds the logins
        there is remembered for longer than they live."""
        now_s = int(time.time())
        standings = await self._revocations.log_in([user.user_id for user in users])
        return [
            self._granted(user, standing, now_s, life_s)
            for user, standing in zip(users, standings, strict=True)
        ]

    def _granted(self, user: User, standing: Standing, now_s: int, life_s: int) -> Grant:
        claims = {
            "iat": now_s,
            "exp": now_s + life_s,
            "auth_time": now_s,
            "role": standing.role or user.role,
            "gen": standing.generation,
            "epoch": standing.epoch,
        }
        return self._grant(user, life_s, claims)

    async def logout(self, identity: Identity) -> Effect:
        """Denies the login until its last token, which re-issuing never prolongs, has expired."""
        self._note(await self._revocations.deny_login(identity.sid, identity.record["exp"]))
        return self._effect

    async def revoke_user(self, user_id: str) -> Effect:
        self._note(await self._revocations.bump_user(user_id))
        return self._effect

    async def revoke_others(self, identity: Identity) -> tuple[Effect, Grant]:
        """The login that asked goes on in a token of the new epoch, unless it is out by now."""
        generation, change = await self._revocations.bump_others(identity, self._foreign_epoch)
        self._note(change)
        return self._effect, self._reissued(identity, gen=generation, epoch=change.number)

    async def revoke_all(self) -> Effect:
        self._note(await self._revocations.bump_all())
        return self._effect

    async def set_role(self, user_id: str, role: str) -> Effect:
        self._note(await self._revocations.set_role(user_id, role))
        return self._effect

    async def ready(self) -> None:
        await self._revocations.ready()

    def _note(self, change: Change) -> None:
        """A change was made here; nothing is remembered here."""


class ViewedTokens(RevocableTokens):
    """Remembers revocations in `view`, which `source` feeds: what is made here holds here before
    it is acknowledged."""

    def __init__(
        self,
        codec: Codec,
        settings: TokenSettings,
        revocations: Revocations,
        effect: Effect,
        view: RevocationView,
        source: Follower,
        decoder: Decoder | None = None,
    ) -> None:
        super().__init__(codec, settings, revocations, effect, view.on_store_loss, decoder)
        self._view = view
        self._source = source

    async def verify(self, credential: str) -> Identity:
        return self._view.admitted(self._decode(credential))

    def _note(self, change: Change) -> None:
        self._view.apply(change, made_s=time.time())

    def counters(self) -> Mapping[str, int]:
        return {
            "revocations_applied": self._view.applied,
            "lost_connections": self._source.lost_connections,
        }

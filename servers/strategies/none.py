"""Trusts a plain user id: what a request costs when nothing is checked. The cost floor.

login      hands out the user id
request    looks the id up among the users
logout     does nothing: whoever knows the id is in
kick       does nothing
law        never: no request is ever refused
store      none; nothing is stored per login, state travels with the client, unsigned
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from servers.strategy import (
    NEVER,
    CarrierName,
    Context,
    Effect,
    Grant,
    Identity,
    Impossible,
    Law,
    Rejected,
    Strategy,
)
from servers.users import Directory, User

NATURAL_CARRIER: CarrierName = "bearer"
TRUSTS_ANYONE = True

_NO_STATE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Options:
    """It has none."""


def law(_: Options) -> Law:
    return Law(
        bound_s=None,
        sentence="never: a user id is accepted for ever",
        store_down="unaffected: it has no store",
        store_back="unaffected: it has no store",
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[NoAuth]:
    yield NoAuth(context.directory)


class NoAuth(Strategy):
    """The credential is `user_id`, or `user_id.base64url(JSON state)` once state was written."""

    def __init__(self, directory: Directory) -> None:
        self._find = directory.find

    async def issue(self, user: User) -> Grant:
        return Grant(user.user_id, user.user_id, None)

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        """`ttl_s` has no meaning here: nothing expires."""
        return [await self.issue(user) for user in users]

    async def verify(self, credential: str) -> Identity:
        user_id, dot, encoded = credential.partition(".")
        user = self._find(user_id)
        if user is None:
            raise Rejected("unknown_user")
        state = _decode(encoded) if dot else _NO_STATE
        return Identity(user_id, user.role, user_id, state, _NO_STATE)

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> Grant:
        encoded = json.dumps(state, separators=(",", ":")).encode()
        text = base64.urlsafe_b64encode(encoded).rstrip(b"=").decode()
        return Grant(f"{identity.user_id}.{text}", identity.sid, None)

    async def logout(self, identity: Identity) -> Effect:
        return NEVER

    async def revoke_user(self, user_id: str) -> Effect:
        return NEVER

    async def revoke_others(self, identity: Identity) -> tuple[Effect, None]:
        return NEVER, None

    async def revoke_all(self) -> Effect:
        return NEVER

    async def set_role(self, user_id: str, role: str) -> Effect:
        raise Impossible("nothing is kept of a user here")

    async def ready(self) -> None:
        return


def _decode(encoded: str) -> Mapping[str, Any]:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        written = base64.b64decode(padded, altchars=b"-_", validate=True)
        state = json.loads(written)
    except (binascii.Error, ValueError, RecursionError):
        raise Rejected("malformed") from None
    # One character more can decode to white space, which JSON allows at its end.
    if not isinstance(state, dict) or not written.endswith(b"}"):
        raise Rejected("malformed")
    return state

"""The register of revocations in Redis or Valkey (6.2 or newer): what logins read, kicks write.

All keys share one hash tag, as every change is announced in one place: a cluster keeps them on
one node. They begin with `<prefix>{revoked}`:

    generation        random, made when there is none: another one means that the store was lost
    epoch             the last epoch given out
    user:<user> all:  the epoch that logins must have at least; ends when no token is that old
    role:<user>       the role, once it was changed
    login:<sid>       denied, where the medium is keys; ends when its tokens have
    log               every change, where the medium is a log
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from servers.strategies._redis import Store
from servers.strategies._revocation_scripts import Medium, operations
from servers.strategies._revocation_view import Change, Memory
from servers.strategy import Identity, Rejected

_GENERATION_BYTES = 16
_TAG = "{revoked}"


class Standing(NamedTuple):
    """What a new login of a user begins with; `role` None: the user's own."""

    generation: str
    epoch: int
    role: str | None


class LookedUp(NamedTuple):
    """What the store knows of a login; `generation` is empty where the store is."""

    generation: str
    is_denied: bool
    least_epoch: int
    role: str | None


class Revocations:
    """Every method raises StoreUnavailable; each change is written and announced in one step."""

    def __init__(
        self, store: Store, key_prefix: str, medium: Medium, memory: Memory, *, one_session: bool
    ) -> None:
        self.base = f"{key_prefix}{_TAG}"
        self._store = store
        self._memory = memory
        self._memory_ms = round(memory.usual_s * 1_000)
        self._one_session = int(one_session)
        self._scripts = {
            name: store.client.register_script(text) for name, text in operations(medium).items()
        }

    async def log_in(self, user_ids: Sequence[str]) -> list[Standing]:
        """Where one session is allowed each of these logins ends the user's others."""
        generation, *said = await self._run("log_in", self._one_session, *user_ids)
        return [
            Standing(generation.decode(), epoch, role.decode() or None)
            for epoch, role in zip(said[::2], said[1::2], strict=True)
        ]

    async def deny_login(self, sid: str, exp_s: int) -> Change:
        """`exp_s`: when the last of its tokens expires, Unix seconds."""
        change, now_s = Change("login", exp_s, sid), time.time()
        life_ms = max(1, round((self._memory.ends_s(change, now_s) - now_s) * 1_000))
        await self._run("deny_login", sid, exp_s, life_ms)
        return change

    async def bump_user(self, user_id: str) -> Change:
        """Puts the user to the next epoch: logins of before are out."""
        return Change("user", await self._run("bump", "user", user_id), user_id)

    async def bump_all(self) -> Change:
        return Change("all", await self._run("bump", "all", ""), "")

    async def bump_others(self, login: Identity, foreign_epoch: int) -> tuple[str, Change]:
        """As `bump_user`, for a login that goes on in a token of that epoch and the generation.

        In another generation its token counts as of `foreign_epoch`. Raises Rejected when it is
        out by now.
        """
        user_id, token = login.user_id, login.record
        said = await self._run("bump_others", user_id, token["epoch"], token["gen"], foreign_epoch)
        if said is None:
            raise Rejected("revoked")
        generation, epoch = said
        return generation.decode(), Change("user", epoch, user_id)

    async def set_role(self, user_id: str, role: str) -> Change:
        return Change("role", await self._run("set_role", user_id, role), f"{role} {user_id}")

    async def _run(self, operation: str, *arguments: str | int) -> Any:
        return await self._store.within_deadline(
            self._scripts[operation],
            keys=[self.base],
            args=[self._memory_ms, new_generation(), *arguments],
        )

    async def look_up(self, user_id: str, sid: str) -> LookedUp:
        """One round trip; only where the medium is keys."""
        base = self.base
        generation, denied, of_user, of_all, role = await self._store.within_deadline(
            self._store.command,
            *("MGET", f"{base}generation", f"{base}login:{sid}", f"{base}user:{user_id}"),
            *(f"{base}all:", f"{base}role:{user_id}"),
        )
        return LookedUp(
            generation=(generation or b"").decode(),
            is_denied=denied is not None,
            least_epoch=max(int(of_user or 0), int(of_all or 0)),
            role=role.decode() if role else None,
        )

    async def ready(self) -> None:
        await self._store.within_deadline(self._store.command, "PING")


def new_generation() -> str:
    """Never the same again: a store lost twice is another one each time."""
    return secrets.token_urlsafe(_GENERATION_BYTES)

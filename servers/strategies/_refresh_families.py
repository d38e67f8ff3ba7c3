"""Families of refresh tokens in Redis or Valkey (6.2 or newer): one per login, hashes only.

A family's name is `tag` + `id`: 128 random bits after the hash tag of its user's keys.

    <prefix>family:{tag}<id>         hash: user_id, role, auth_time_s, state, ends_ms, and the
                                     SHA-256 of the current token and of the one before it
    <prefix>families:{tag}<user_id>  the ids of the user's families, by their last millisecond
    <prefix>role:{tag}<user_id>      the role, once it was changed
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from servers.strategies._redis import Store
from servers.strategies._refresh_scripts import (
    CREATE,
    DROP,
    END_OTHERS,
    ROTATE,
    SET_ROLE,
    WRITE_STATE,
)
from servers.strategies._user_keys import TAG_CHARS, unlink_starting, user_tag
from servers.strategy import Rejected
from servers.users import User

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class FamilySettings:
    """Lives of every family. `idle_ttl_s` is renewed by a rotation, `absolute_ttl_s` by nothing;
    for `grace_s` after a rotation the token before it is answered as before."""

    idle_ttl_s: float
    absolute_ttl_s: float
    grace_s: float
    one_session: bool


@dataclass(frozen=True, slots=True)
class NewFamily:
    """A login to be stored; `token_hash` is that of its first refresh token."""

    name: str = field(repr=False)
    user: User
    auth_time_s: int
    token_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Family:
    """What the store says of a login: `ends_in_s` at the latest, `idle_ends_in_s` if unused."""

    name: str = field(repr=False)
    user_id: str
    role: str
    auth_time_s: int
    state: Mapping[str, Any]
    ends_in_s: float
    idle_ends_in_s: float


class Families:
    """Every method raises StoreUnavailable; each changes a family and its index in one step."""

    def __init__(self, store: Store, settings: FamilySettings, key_prefix: str) -> None:
        self._store = store
        self._family_key = f"{key_prefix}family:"
        self._index_key = f"{key_prefix}families:"
        self._role_key = f"{key_prefix}role:"
        self._absolute_ms = _milliseconds(settings.absolute_ttl_s)
        self._idle_ms = min(_milliseconds(settings.idle_ttl_s), self._absolute_ms)
        self._lives = (self._idle_ms, self._absolute_ms, int(settings.one_session))
        self._grace_ms = round(settings.grace_s * 1_000)
        register = store.client.register_script
        self._create = register(CREATE)
        self._rotate = register(ROTATE)
        self._write_state = register(WRITE_STATE)
        self._drop = register(DROP)
        self._end_others = register(END_OTHERS)
        self._set_role = register(SET_ROLE)

    async def create(self, new: NewFamily) -> Family:
        """With `one_session` the user's other families end in the same step."""
        keys, arguments = self._creation(new)
        role = await self._store.within_deadline(self._create, keys=keys, args=arguments)
        return self._created(new, role)

    async def create_many(self, all_new: Sequence[NewFamily]) -> list[Family]:
        """As `create` for each, in one round trip."""
        # A pipeline left open when its scripts cannot be loaded keeps its connection for ever.
        async with self._store.client.pipeline(transaction=False) as pipeline:
            for new in all_new:
                keys, arguments = self._creation(new)
                await self._create(keys=keys, args=arguments, client=pipeline)
            roles = await self._store.within_deadline(pipeline.execute)
        return [self._created(new, role) for new, role in zip(all_new, roles, strict=True)]

    def _creation(self, new: NewFamily) -> tuple[list[str], list[Any]]:
        """What `CREATE` wants: keys and arguments."""
        keys = [self._key_of(new.name), *self._user_keys(new.user.user_id)]
        user = new.user
        return keys, [user.role, user.user_id, new.token_hash, new.auth_time_s, *self._lives]

    def _created(self, new: NewFamily, role: bytes) -> Family:
        return Family(
            name=new.name,
            user_id=new.user.user_id,
            role=role.decode(),
            auth_time_s=new.auth_time_s,
            state={},
            ends_in_s=self._absolute_ms / 1_000,
            idle_ends_in_s=self._idle_ms / 1_000,
        )

    async def rotate(self, name: str, presented: bytes, successor: bytes) -> Family:
        """Exchanges the hash of the current token for its successor's.

        The hash before the current one changes nothing within the grace. Any other ends the
        family: Rejected `refresh_reused`. No such family: Rejected `unknown_refresh`.
        """
        tag, family_id = _parts(name)
        index_start = f"{self._index_key}{{{tag}}}"
        outcome, *said = await self._store.within_deadline(
            self._rotate,
            keys=[self._key_of(name)],
            args=[presented, successor, self._grace_ms, self._idle_ms, index_start, family_id],
        )
        if outcome != b"good":
            raise Rejected("refresh_reused" if outcome == b"reused" else "unknown_refresh")
        user_id, role, auth_time_s, state, ends_in_ms, idle_ends_in_ms = said
        return Family(
            name=name,
            user_id=user_id.decode(),
            role=role.decode(),
            auth_time_s=int(auth_time_s),
            state=json.loads(state),
            ends_in_s=ends_in_ms / 1_000,
            idle_ends_in_s=idle_ends_in_ms / 1_000,
        )

    async def write_state(self, name: str, state: Mapping[str, Any]) -> None:
        """Raises Rejected when the family ended."""
        text = json.dumps(state, separators=(",", ":"))
        kept = await self._store.within_deadline(
            self._write_state, keys=[self._key_of(name)], args=[text]
        )
        if not kept:
            raise Rejected("unknown_login")

    async def drop(self, name: str, user_id: str) -> None:
        index_key, _ = self._user_keys(user_id)
        await self._store.within_deadline(
            self._drop, keys=[self._key_of(name), index_key], args=[_parts(name)[1]]
        )

    async def end_others(self, user_id: str, keep: str) -> None:
        """Ends the user's families but the one named `keep`; "" keeps none."""
        index_key, _ = self._user_keys(user_id)
        await self._store.within_deadline(
            self._end_others,
            keys=[index_key],
            args=[self._keys_start(user_tag(user_id)), _parts(keep)[1]],
        )

    async def end_all(self) -> None:
        """Ends every family made before the call.

        By SCAN and not by a generation: that would be read at each rotation, and would have to
        outlive the store. The indexes stay: deleting one could lose a family made meanwhile to a
        later kick.
        """
        await unlink_starting(self._store, self._family_key)

    async def set_role(self, user_id: str, role: str) -> None:
        await self._store.within_deadline(
            self._set_role,
            keys=self._user_keys(user_id),
            args=[self._keys_start(user_tag(user_id)), role],
        )

    async def ready(self) -> None:
        await self._store.within_deadline(self._store.command, "PING")

    def _key_of(self, name: str) -> str:
        tag, family_id = _parts(name)
        return self._keys_start(tag) + family_id

    def _keys_start(self, tag: str) -> str:
        return f"{self._family_key}{{{tag}}}"

    def _user_keys(self, user_id: str) -> list[str]:
        """The user's index and role."""
        tagged = f"{{{user_tag(user_id)}}}{user_id}"
        return [self._index_key + tagged, self._role_key + tagged]


def new_name(user_id: str) -> str:
    """A family's: 26 characters of base64url."""
    return user_tag(user_id) + secrets.token_urlsafe(_ID_BYTES)


def _parts(name: str) -> tuple[str, str]:
    """The hash tag and the id."""
    return name[:TAG_CHARS], name[TAG_CHARS:]


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000))

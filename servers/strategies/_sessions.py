"""Server-side sessions in Redis or Valkey (6.2 or newer): all but how a request looks one up.

A credential is `tag` + `id`: 128 random bits after a tag that every session of its user shares.
The tag is the hash tag of the user's keys, so that one script may touch them all in a cluster too.

    <prefix>session:{tag}<id>     "role ends_ms user_id", a newline, the state as JSON
    <prefix>index:{tag}<user_id>  the ids of the user's sessions, by their last millisecond
    <prefix>role:{tag}<user_id>   the role, once it was changed
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.commands.core import AsyncScript

from servers.strategies._redis import EVERYSEC_UNDOES_S, Store
from servers.strategies._session_scripts import CREATE, DROP, END_OTHERS, SET_ROLE, WRITE_STATE
from servers.strategies._user_keys import TAG_CHARS, unlink_starting, user_tag
from servers.strategy import (
    NOW,
    Effect,
    Grant,
    Identity,
    Law,
    Rejected,
    StoreUnavailable,
    Strategy,
    TtlRefused,
)
from servers.users import User

# token_urlsafe(16): 128 random bits as 22 characters.
_ID_BYTES, _ID_CHARS = 16, 22
CREDENTIAL_CHARS = TAG_CHARS + _ID_CHARS
_PIPELINE = 500
_NO_RECORD: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """`idle_ttl_s` is renewed by requests, `absolute_ttl_s` by nothing; with `one_session` a
    login ends the user's others."""

    idle_ttl_s: float = 1_800.0
    absolute_ttl_s: float = 43_200.0
    one_session: bool = False


AT_ONCE = Law(
    bound_s=0.0,
    sentence="at once: no request sent after the acknowledgement is accepted",
    store_down="every request is answered 503 with Retry-After, within the store's deadline",
    store_back=(
        "works again by itself; sessions the store lost must log in again; with appendfsync "
        "everysec about 2 s of logouts and kicks may be undone, with always none"
    ),
    down="at_once",
    survivors="refuse",
    everysec_undoes_s=EVERYSEC_UNDOES_S,
)


class Sessions(Strategy):
    """A subclass adds `verify`, and where it remembers sessions, the three ways to forget.

    `effect`: when what it ended or changed has ended or changed on every replica.
    """

    def __init__(
        self, store: Store, options: SessionOptions, key_prefix: str, effect: Effect = NOW
    ) -> None:
        self._store = store
        self._effect = effect
        self._redis = store.client
        self._options = options
        self._session_key = f"{key_prefix}session:"
        self._index_key = f"{key_prefix}index:"
        self._role_key = f"{key_prefix}role:"
        self._idle_ms = max(1, round(options.idle_ttl_s * 1_000))
        register = store.client.register_script
        self._create = register(CREATE)
        self._write_state = register(WRITE_STATE)
        self._drop = register(DROP)
        self._end_others = register(END_OTHERS)
        self._set_role = register(SET_ROLE)

    async def issue(self, user: User) -> Grant:
        grant, keys, arguments = self._new_session(user, self._options.absolute_ttl_s)
        await self._change(grant.credential[:TAG_CHARS], self._create, keys, arguments)
        return grant

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        life_s = self._options.absolute_ttl_s if ttl_s is None else ttl_s
        if not 0.001 <= life_s <= self._options.absolute_ttl_s:
            raise TtlRefused(f"ttl_s: from 0.001 to {self._options.absolute_ttl_s:g}")
        grants: list[Grant] = []
        for start in range(0, len(users), _PIPELINE):
            grants += await self._issue_batch(users[start : start + _PIPELINE], life_s)
        return grants

    async def _issue_batch(self, users: Sequence[User], life_s: float) -> list[Grant]:
        grants: list[Grant] = []
        # A pipeline left open when its scripts cannot be loaded keeps its connection for ever.
        async with self._redis.pipeline(transaction=False) as pipeline:
            for user in users:
                grant, keys, arguments = self._new_session(user, life_s)
                grants.append(grant)
                await self._create(keys=keys, args=arguments, client=pipeline)
            all_ended = await self._store.within_deadline(pipeline.execute)
        for grant, ended in zip(grants, all_ended, strict=True):
            self._forget_ids(grant.credential, ended)
        return grants

    def _new_session(self, user: User, life_s: float) -> tuple[Grant, list[str], list[Any]]:
        """The grant, and what `CREATE` wants: keys and arguments."""
        now_ms, life_ms = time.time_ns() // 1_000_000, round(life_s * 1_000)
        tag, session_id = user_tag(user.user_id), secrets.token_urlsafe(_ID_BYTES)
        credential = tag + session_id
        keys = [self._key_of(credential), *self._user_keys(user.user_id)]
        arguments = [
            user.role,
            now_ms + life_ms,
            user.user_id,
            min(self._idle_ms, life_ms),
            now_ms,
            session_id,
            life_ms,
            int(self._options.one_session),
            self._keys_start(tag),
        ]
        return Grant(credential, credential, life_s), keys, arguments

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> None:
        text = json.dumps(state, separators=(",", ":"))
        kept = await self._store.within_deadline(
            self._write_state, keys=[self._key_of(identity.sid)], args=[text]
        )
        self._forget([identity.sid])
        if not kept:
            raise Rejected("unknown_session")

    async def logout(self, identity: Identity) -> Effect:
        index_key, _ = self._user_keys(identity.user_id)
        await self._store.within_deadline(
            self._drop,
            keys=[self._key_of(identity.sid), index_key],
            args=[identity.sid[TAG_CHARS:]],
        )
        self._forget([identity.sid])
        return self._effect

    async def revoke_user(self, user_id: str) -> Effect:
        await self._end(user_id, keep="")
        return self._effect

    async def revoke_others(self, identity: Identity) -> tuple[Effect, None]:
        await self._end(identity.user_id, keep=identity.sid[TAG_CHARS:])
        return self._effect, None

    async def _end(self, user_id: str, keep: str) -> None:
        tag = user_tag(user_id)
        index_key, _ = self._user_keys(user_id)
        await self._change(tag, self._end_others, [index_key], [self._keys_start(tag), keep])

    async def revoke_all(self) -> Effect:
        """The indexes stay: deleting one could lose a session made meanwhile to a later kick."""
        await unlink_starting(self._store, self._session_key)
        self._forget_all()
        return self._effect

    async def set_role(self, user_id: str, role: str) -> Effect:
        tag = user_tag(user_id)
        arguments = [self._keys_start(tag), role]
        await self._change(tag, self._set_role, self._user_keys(user_id), arguments)
        return self._effect

    async def _change(
        self, tag: str, script: AsyncScript, keys: Sequence[str], arguments: Sequence[Any]
    ) -> None:
        """Runs a script that returns which ids it ended or changed, and forgets those.

        Where the answer is lost it may have been any of the tag, and asked again it would not
        name them.
        """
        try:
            ids = await self._store.within_deadline(script, keys=keys, args=arguments)
        except StoreUnavailable:
            self._forget_tag(tag)
            raise
        self._forget_ids(tag, ids)

    async def ready(self) -> None:
        await self._store.within_deadline(self._store.command, "PING")

    def _forget(self, credentials: Iterable[str]) -> None:
        """These sessions ended or changed; nothing is remembered here."""

    def _forget_tag(self, tag: str) -> None:
        """Any session of this tag may have ended or changed; nothing is remembered here."""

    def _forget_all(self) -> None:
        """Every session ended; nothing is remembered here."""

    def _forget_ids(self, tagged: str, ids: Iterable[bytes]) -> None:
        self._forget([tagged[:TAG_CHARS] + each.decode() for each in ids])

    def _key_of(self, credential: str) -> str:
        return self._keys_start(credential[:TAG_CHARS]) + credential[TAG_CHARS:]

    def _keys_start(self, tag: str) -> str:
        return f"{self._session_key}{{{tag}}}"

    def _user_keys(self, user_id: str) -> list[str]:
        """The user's index and role."""
        tagged = f"{{{user_tag(user_id)}}}{user_id}"
        return [self._index_key + tagged, self._role_key + tagged]

    @staticmethod
    def _identity(credential: str, value: bytes) -> tuple[Identity, float]:
        """What a stored value says, and when the session ends at the latest (s since 1970).

        Raises Rejected when that has passed.
        """
        head, _, state = value.partition(b"\n")
        role, ends_ms, user_id = head.decode().split(" ", 2)
        ends_s = int(ends_ms) / 1_000
        if ends_s <= time.time():
            raise Rejected("expired")
        return Identity(user_id, role, credential, json.loads(state), _NO_RECORD), ends_s


def refuse_malformed(credential: str) -> None:
    """Raises Rejected for what cannot be a credential of ours, so that nobody is asked."""
    if len(credential) != CREDENTIAL_CHARS:
        raise Rejected("malformed")

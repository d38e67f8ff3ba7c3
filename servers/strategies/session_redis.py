"""Server-side sessions in Redis or Valkey (6.2 or newer), one round trip a request.

login      stores the session under a random 128-bit id and notes the id in the user's index
request    GETEX: reads the session and renews its idle life
logout     deletes it
kick       deletes every session in the user's index, in one script
law        at once: bound 0 s
store      one string and one sorted-set member per login; down: 503, back empty: log in again
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from servers.strategies._redis import Store, open_store
from servers.strategy import (
    NOW,
    CarrierName,
    Context,
    Effect,
    Grant,
    Identity,
    Law,
    Rejected,
    TtlRefused,
)
from servers.users import User

NATURAL_CARRIER: CarrierName = "cookie"
NEEDS_STORE = True

# token_urlsafe(16): 128 random bits as 22 characters.
_ID_BYTES, _ID_CHARS = 16, 22
_PIPELINE = 500

# The index lives as long as its longest session, so a kick never misses one.
_CREATE = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[6]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
"""
_KICK = """
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('DEL', ARGV[1] .. id)
end
redis.call('DEL', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class Options:
    """`idle_ttl_s` is renewed by every request, `absolute_ttl_s` by none."""

    idle_ttl_s: float = 1_800.0
    absolute_ttl_s: float = 43_200.0


def law(_: Options) -> Law:
    return Law(
        bound_s=0.0,
        sentence="at once: no request sent after the acknowledgement is accepted",
        store_down="every request is answered 503 with Retry-After, within the store's deadline",
        store_back="works again by itself; sessions the store lost must log in again",
    )


@asynccontextmanager
async def open_strategy(context: Context) -> AsyncIterator[RedisSessions]:
    async with open_store(context.settings) as store:
        yield RedisSessions(store, context.options, context.settings.key_prefix)


class RedisSessions:
    """Keys: `<prefix>session:<id>` (JSON) and `<prefix>index:<user_id>` (ids by last second)."""

    def __init__(self, store: Store, options: Options, key_prefix: str) -> None:
        self._store = store
        self._redis = store.client
        self._options = options
        self._session_key = f"{key_prefix}session:"
        self._index_key = f"{key_prefix}index:"
        self._idle_ms = max(1, round(options.idle_ttl_s * 1_000))
        self._create = store.client.register_script(_CREATE)
        self._kick = store.client.register_script(_KICK)

    async def issue(self, user: User) -> Grant:
        grant, keys, arguments = self._new_session(user, self._options.absolute_ttl_s)
        await self._store.within_deadline(self._create, keys=keys, args=arguments)
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
        pipeline = self._redis.pipeline(transaction=False)
        grants: list[Grant] = []
        for user in users:
            grant, keys, arguments = self._new_session(user, life_s)
            grants.append(grant)
            await self._create(keys=keys, args=arguments, client=pipeline)
        await self._store.within_deadline(pipeline.execute)
        return grants

    def _new_session(self, user: User, life_s: float) -> tuple[Grant, list[str], list[Any]]:
        """The grant, and what `_CREATE` wants: keys and arguments."""
        now_ms, life_ms = time.time_ns() // 1_000_000, round(life_s * 1_000)
        ends_ms = now_ms + life_ms
        session_id = secrets.token_urlsafe(_ID_BYTES)
        keys = [self._session_key + session_id, self._index_key + user.user_id]
        first_ms = min(self._idle_ms, life_ms)
        record = _new_record(user, ends_ms)
        arguments = [record, first_ms, now_ms, ends_ms, session_id, life_ms]
        return Grant(session_id, session_id, life_s), keys, arguments

    async def verify(self, credential: str) -> Identity:
        if len(credential) != _ID_CHARS:
            raise Rejected("malformed")
        value = await self._store.within_deadline(
            self._store.command, "GETEX", self._session_key + credential, "PX", self._idle_ms
        )
        if value is None:
            raise Rejected("unknown_session")
        record = json.loads(value)
        if record["expires_at"] <= time.time():
            raise Rejected("expired")
        return Identity(record["user_id"], record["role"], credential, record["state"], record)

    async def write_state(self, identity: Identity, state: Mapping[str, Any]) -> None:
        value = json.dumps({**identity.record, "state": state}, separators=(",", ":"))
        kept = await self._store.within_deadline(
            self._store.command, "SET", self._session_key + identity.sid, value, "XX", "KEEPTTL"
        )
        if not kept:
            raise Rejected("unknown_session")

    async def logout(self, identity: Identity) -> Effect:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.delete(self._session_key + identity.sid)
        pipeline.zrem(self._index_key + identity.user_id, identity.sid)
        await self._store.within_deadline(pipeline.execute)
        return NOW

    async def revoke_user(self, user_id: str) -> Effect:
        await self._store.within_deadline(
            self._kick, keys=[self._index_key + user_id], args=[self._session_key]
        )
        return NOW

    async def revoke_all(self) -> Effect:
        """SCAN returns every key that was there throughout, so every session made before.

        The indexes stay: deleting one could lose a session made meanwhile to a later kick.
        """
        cursor = 0
        pattern = f"{_escape_glob(self._session_key)}*"
        while True:
            cursor, keys = await self._store.within_deadline(
                self._redis.scan, cursor, match=pattern, count=1_000
            )
            if keys:
                await self._store.within_deadline(self._redis.unlink, *keys)
            if cursor == 0:
                return NOW

    async def ready(self) -> None:
        await self._store.within_deadline(self._store.command, "PING")


def _new_record(user: User, ends_ms: int) -> str:
    record = {
        "user_id": user.user_id,
        "role": user.role,
        "expires_at": ends_ms / 1_000,
        "state": {},
    }
    return json.dumps(record, separators=(",", ":"))


def _escape_glob(text: str) -> str:
    return "".join(f"\\{character}" if character in "*?[]\\" else character for character in text)

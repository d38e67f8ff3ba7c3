"""What the tests of jwt_refresh share: replicas in process, a clock to move, a command to hold."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from servers.flags import parse_settings
from servers.strategies._redis import Store
from servers.strategies._user_keys import TAG_CHARS
from servers.strategies.jwt_refresh import Options, RefreshedTokens, open_strategy
from servers.strategy import Context, Grant
from servers.users import Directory, User
from tests.servers.processes import SIGNING_KEY

USER = User("user-000001", "member")
OTHER = User("user-000002", "member")
PREFIX = "t:"


@asynccontextmanager
async def replica(
    store_url: str, prefix: str = PREFIX, key: str = SIGNING_KEY, **options: Any
) -> AsyncIterator[RefreshedTokens]:
    """All of one `store_url`, `prefix` and `key` are replicas of each other."""
    flags = ["--strategy", "jwt_refresh", "--store", store_url, "--key-prefix", prefix]
    # Fifty commands at a time on a busy machine are no dead store.
    flags += ["--store-deadline-s", "20", "--store-timeout-s", "20"]
    settings = parse_settings(flags, {"AUTHBENCH_SIGNING_KEY": key}, lambda: ["jwt_refresh"])
    async with open_strategy(Context(settings, Options(**options), Directory(10))) as strategy:
        yield strategy


def family_key(grant: Grant) -> str:
    return f"{PREFIX}family:{{{grant.sid[:TAG_CHARS]}}}{grant.sid[TAG_CHARS:]}"


def index_key(grant: Grant, user: User = USER) -> str:
    return f"{PREFIX}families:{{{grant.sid[:TAG_CHARS]}}}{user.user_id}"


def refresh_token(grant: Grant) -> str:
    assert grant.refresh_token is not None
    return grant.refresh_token


def claims(grant: Grant) -> dict[str, Any]:
    """What the access token says, good or not."""
    payload = grant.credential.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return read


class Clock:
    """The wall clock, ahead of the real one by `ahead_s`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead_s)


class Held:
    """Holds the next command of any store in this process: its reply, or before it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, reply: bool) -> None:
        self._reached = asyncio.Event()
        self._released = asyncio.Event()
        send = Store.within_deadline

        async def within_deadline(store: Store, *args: Any, **kwargs: Any) -> Any:
            if self._reached.is_set():
                return await send(store, *args, **kwargs)
            if not reply:
                await self._hold()
            answer = await send(store, *args, **kwargs)
            if reply:
                await self._hold()
            return answer

        monkeypatch.setattr(Store, "within_deadline", within_deadline)

    async def _hold(self) -> None:
        self._reached.set()
        await self._released.wait()

    async def reached(self) -> None:
        async with asyncio.timeout(10):
            await self._reached.wait()

    def release(self) -> None:
        self._released.set()

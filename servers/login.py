"""Passwords, checked with argon2id in a few threads behind a bounded queue.

Somebody who does not exist costs the same hash and the same path as somebody who does, so time
tells nobody which names are real.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from servers.errors import Refused, try_later
from servers.settings import Settings
from servers.throttle import FailureThrottle
from servers.users import Directory, User

_BUSY_WAIT_S = 1.0


class PasswordCheck:
    """One argon2 hash serves every user, as they share the one password."""

    def __init__(
        self,
        directory: Directory,
        hasher: PasswordHasher,
        hashes: tuple[str, str],
        pool: ThreadPoolExecutor,
        settings: Settings,
        throttle: FailureThrottle,
    ) -> None:
        self._directory = directory
        self._hasher = hasher
        self._user_hash, self._dummy_hash = hashes
        self._pool = pool
        self._threads = asyncio.Semaphore(settings.login_threads)
        self._free_places = settings.login_threads + settings.login_queue
        self._throttle = throttle

    async def check(self, username: str, password: str) -> User:
        """The user of that name and password.

        Raises Refused: 401 for a wrong one, 429 after many failures, 503 when the queue is full.
        """
        self._refuse_throttled(username)
        if self._free_places == 0:
            raise try_later(503, "login_busy", "too many logins are waiting", _BUSY_WAIT_S)
        self._free_places -= 1
        try:
            async with self._threads:
                # Guesses queued together must not all pass on the state before the first.
                self._refuse_throttled(username)
                return await self._verify(username, password)
        finally:
            self._free_places += 1

    async def _verify(self, username: str, password: str) -> User:
        user = self._directory.find(username)
        known_hash = self._dummy_hash if user is None else self._user_hash
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._pool, self._matches, known_hash, password)
        if user is None or not matches:
            self._throttle.record_failure(username)
            raise Refused(
                401, "wrong_login", "wrong user name or password", {"WWW-Authenticate": "Bearer"}
            )
        return user

    def _matches(self, known_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(known_hash, password)
        except VerifyMismatchError:
            return False

    def _refuse_throttled(self, username: str) -> None:
        wait_s = self._throttle.wait_s(username)
        if wait_s > 0:
            raise try_later(429, "too_many_failures", "too many failed logins", wait_s)


@asynccontextmanager
async def open_password_check(
    settings: Settings, directory: Directory
) -> AsyncIterator[PasswordCheck]:
    hasher = PasswordHasher(
        time_cost=settings.argon2_time_cost,
        memory_cost=settings.argon2_memory_kib,
        parallelism=settings.argon2_parallelism,
    )
    with ThreadPoolExecutor(settings.login_threads, "login") as pool:
        hashes = (hasher.hash(settings.user_password), hasher.hash(secrets.token_urlsafe(16)))
        yield PasswordCheck(directory, hasher, hashes, pool, settings, FailureThrottle())

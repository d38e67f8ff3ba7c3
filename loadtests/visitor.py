"""One simulated user at one arm: its connections, its credentials, its dice."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from loadtests.carts import cart
from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.http_messages import (
    LOGIN,
    LOGOUT,
    ME,
    REFRESH,
    STATE,
    Endpoint,
    Requests,
    refresh_cookie,
)
from loadtests.messages import ArmTarget, Credential
from loadtests.recorder import Stamp

# `Stamp(…)` does the same by a function of Python's, which takes twice as long.
_new_tuple = tuple.__new__
# Told of every request as it ends: keeps its stamp, fires Locust's `request` event.
Record = Callable[[Stamp], None]


@dataclass(slots=True)
class Account:
    """A credential as its owner holds it; `PUT /state` may replace it, and a refresh does."""

    user_id: str
    credential: str
    csrf_token: str
    refresh_token: str = ""
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to one replica and the requests that go over it."""

    client: Client
    requests: Requests


class Visitor:
    """Walks its own accounts in turn and takes the replicas in turn, so load is even on both.

    `done_ns`: when its last request was done, on the monotonic clock; 0 before the first.
    """

    def __init__(
        self,
        target: ArmTarget,
        accounts: Sequence[Credential],
        *,
        number: int,
        seed: int,
        password: str,
        population: int,
        watchdog: Watchdog,
        record: Record,
        admin_secret: str = "",
    ) -> None:
        self.target = target
        self.dice = random.Random(seed)  # noqa: S311
        self.password = password
        self.population = population
        self.record = record
        self.watchdog = watchdog
        self.admin_secret = admin_secret
        self.lines = [_line(target, at.host, at.port, watchdog) for at in target.replicas]
        self._carrier = target.carrier
        self._cookie_name = target.cookie_name
        self._accounts = [
            Account(a.user_id, a.credential, a.csrf_token, a.refresh_token) for a in accounts
        ]
        self._next_account = 0
        self._next_line = number
        self.done_ns = 0

    def account(self) -> Account:
        """The next of this user's accounts; logs in first where it has none."""
        if not self._accounts:
            self._accounts.append(self._login_once())
        self._next_account = (self._next_account + 1) % len(self._accounts)
        if self._next_account == 0 and gcd(len(self._accounts), len(self.lines)) > 1:
            # Else an account would meet the same replicas for ever, and each replica's cache
            # would look larger than it is.
            self._next_line = self.dice.randrange(len(self.lines))
        return self._accounts[self._next_account]

    def any_account(self) -> Account:
        """One of this user's accounts, each as likely; logs in first where it has none."""
        if not self._accounts:
            self._accounts.append(self._login_once())
        # `randrange` is even to the last bit, and several times as slow.
        return self._accounts[int(self.dice.random() * len(self._accounts))]

    def me(self, account: Account, due_ns: int) -> bool:
        line = self._line()
        outcome = self._ask(line, ME, line.requests.me(account.credential), due_ns)
        return isinstance(outcome, int) and outcome < 400

    def me_or_log_in(self, account: Account, due_ns: int) -> None:
        """Where the account turns out to be logged out, its owner logs in again."""
        line = self._line()
        request = line.requests.me(account.credential)
        if self._ask(line, ME, request, due_ns) == 401:
            self._log_in_again(account)

    def write_state(self, account: Account, due_ns: int) -> bool:
        account.writes += 1
        line = self._line()
        request = line.requests.state(
            account.credential, account.csrf_token, cart(account.writes, self.target.state_bytes)
        )
        accepted = 0 < self._call(line, STATE, request, due_ns) < 400
        if accepted:
            account.credential = self._granted(line.client) or account.credential
        return accepted

    def refresh(self, account: Account, due_ns: int) -> bool:
        """Rotates the account's refresh token and goes on with what it is given.

        An account whose refresh is refused (401) has no login any more, and is given up.
        """
        line = self._line()
        request = line.requests.refresh(account.refresh_token)
        status = self._call(line, REFRESH, request, due_ns)
        if status == 200:
            account.credential = self._granted(line.client)
            account.refresh_token = refresh_token_in(line.client, self.target)
        elif status == 401 and account in self._accounts:
            self._accounts.remove(account)
        return status == 200

    def login(self, due_ns: int) -> Account | None:
        """Logs a random member of the population in; None when that failed."""
        username = f"user-{self.dice.randrange(self.population):06}"
        line = self._line()
        request = line.requests.login(username, self.password)
        if not 0 < self._call(line, LOGIN, request, due_ns) < 400:
            return None
        csrf_token = json.loads(line.client.body).get("csrf_token", "")
        refresh_token = refresh_token_in(line.client, self.target)
        return Account(username, self._granted(line.client), csrf_token, refresh_token)

    def logout(self, account: Account, due_ns: int) -> bool:
        line = self._line()
        request = line.requests.logout(account.credential, account.csrf_token)
        return 0 < self._call(line, LOGOUT, request, due_ns) < 400

    def close(self) -> None:
        for line in self.lines:
            line.client.close()

    def _line(self) -> Line:
        self._next_line = (self._next_line + 1) % len(self.lines)
        return self.lines[self._next_line]

    def _log_in_again(self, account: Account) -> None:
        line = self._line()
        request = line.requests.login(account.user_id, self.password)
        if 0 < self._call(line, LOGIN, request, self.done_ns) < 400:
            account.csrf_token = json.loads(line.client.body).get("csrf_token", "")
            account.credential = self._granted(line.client)

    def _call(self, line: Line, endpoint: Endpoint, request: bytes, due_ns: int) -> int:
        """The status, or 0 where no whole answer came."""
        outcome = self._ask(line, endpoint, request, due_ns)
        return outcome if isinstance(outcome, int) else 0

    def _ask(self, line: Line, endpoint: Endpoint, request: bytes, due_ns: int) -> int | str:
        """The answer's status, or how the exchange failed."""
        client = line.client
        outcome: int | str
        try:
            outcome = client.exchange(request)
        except ExchangeFailed as failure:
            outcome = failure.outcome
            client.done_ns = time.monotonic_ns()
        self.done_ns = client.done_ns
        stamp = (
            endpoint.name,
            outcome,
            due_ns,
            client.sent_ns,
            client.done_ns,
            len(request),
            client.received_bytes,
        )
        self.record(_new_tuple(Stamp, stamp))
        return outcome

    def _granted(self, client: Client) -> str:
        """The credential the last answer granted, or "" where it stayed as it was."""
        if self._carrier == "bearer":
            return str(json.loads(client.body).get("access_token", ""))
        return _cookie(client, self._cookie_name)

    def _login_once(self) -> Account:
        account = self.login(0)
        if account is None:
            raise ExchangeFailed("login refused")
        return account


def _line(target: ArmTarget, host: str, port: int, watchdog: Watchdog) -> Line:
    client = Client(host, port, reads_cookies=target.carrier == "cookie")
    requests = Requests(host, port, target.carrier, target.cookie_name)
    return Line(watchdog.guard(client), requests)


def refresh_token_in(client: Client, target: ArmTarget) -> str:
    """The refresh token that the last answer granted, or "" where it granted none."""
    if target.carrier == "bearer":
        return str(json.loads(client.body).get("refresh_token", ""))
    return _cookie(client, refresh_cookie(target.cookie_name))


def _cookie(client: Client, name: str) -> str:
    prefix = name.encode() + b"="
    for cookie in client.set_cookies:
        if cookie.startswith(prefix):
            return cookie[len(prefix) :].partition(b";")[0].decode("ascii")
    return ""


def owned(credentials: Sequence[Credential], owner: int, owners: int) -> Sequence[Credential]:
    """The share of the population that belongs to one of `owners` users."""
    return credentials[owner::owners]


def describe(stamp: Stamp) -> dict[str, Any]:
    """A stamp as the keywords of Locust's `request` event; failures carry an exception."""
    method, path = stamp.endpoint.split(" ", 1)
    return {
        "request_type": method,
        "name": path,
        "response_time": (stamp.done_ns - stamp.sent_ns) / 1e6,
        "response_length": stamp.received_bytes,
        "exception": failure(stamp.outcome),
        "context": {},
    }


def failure(outcome: int | str) -> ExchangeFailed | None:
    """What Locust is told of an outcome that counts as failed."""
    failed = not isinstance(outcome, int) or outcome >= 400
    return ExchangeFailed(str(outcome)) if failed else None

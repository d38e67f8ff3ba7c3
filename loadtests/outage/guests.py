"""Good users: never revoked, browsing on every replica in turn, each one request at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from gevent import sleep

from loadtests.client import ExchangeFailed
from loadtests.http_messages import ME, Endpoint
from loadtests.messages import Credential
from loadtests.outage.sightings import Asked
from loadtests.recorder import Stamp
from loadtests.visitor import Account, Line, Visitor

_KNOWN_WITHIN_S = 10.0
_POLL_S = 0.02


class Guest(Visitor):
    """A visitor with one account, that tells which replica answered. `note` is told of each
    GET /me, `note_login` of what it takes to log in again; times on the monotonic clock."""

    note: Callable[[Asked], None]
    note_login: Callable[[Asked], None]
    logins: int

    def become(self, credential: Credential) -> None:
        """For the next trial."""
        self._accounts = [Account(credential.user_id, credential.credential, credential.csrf_token)]
        self._next_account = 0
        self.logins = 0

    def warm_up(self) -> None:
        """Is accepted once by every replica, so that connections stand and caches know the account;
        one that has not noticed its new store yet is given a while. Raises ExchangeFailed."""
        give_up_s = time.monotonic() + _KNOWN_WITHIN_S
        for line in self.lines:
            request = line.requests.me(self._accounts[0].credential)
            while (outcome := self._ask(line, ME, request, 0)) != 200:
                if time.monotonic() > give_up_s:
                    raise ExchangeFailed(f"{self.target.arm}: warming up ended in {outcome}")
                sleep(_POLL_S)

    def _log_in_again(self, account: Account) -> None:
        before = account.credential
        super()._log_in_again(account)
        self.logins += account.credential != before

    def _ask(self, line: Line, endpoint: Endpoint, request: bytes, due_ns: int) -> int | str:
        logins = self.logins
        outcome = super()._ask(line, endpoint, request, due_ns)
        client = line.client
        if due_ns:
            replica = self.lines.index(line)
            asked = Asked(replica, str(outcome), due_ns, client.sent_ns, client.done_ns, logins)
            (self.note if endpoint is ME else self.note_login)(asked)
        return outcome


def ignore(_stamp: Stamp) -> None:
    """A guest tells more than a stamp holds."""

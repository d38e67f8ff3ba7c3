"""Good users: never revoked, browsing on every replica in turn, each one request at a time."""

from __future__ import annotations

from collections.abc import Callable

from loadtests.http_messages import ME, Endpoint
from loadtests.messages import Credential
from loadtests.outage.sightings import Asked
from loadtests.recorder import Stamp
from loadtests.visitor import Account, Line, Visitor


class Guest(Visitor):
    """A visitor with one account, that tells which replica answered. `note` is told of each
    GET /me, its times on the monotonic clock."""

    note: Callable[[Asked], None]
    logins: int

    def become(self, credential: Credential) -> None:
        """For the next trial."""
        self._accounts = [Account(credential.user_id, credential.credential, credential.csrf_token)]
        self._next_account = 0
        self.logins = 0

    def warm_up(self) -> None:
        """One request on every replica, so that connections stand and caches know the account."""
        for _ in self.lines:
            self.me(self._accounts[0], 0)

    def _log_in_again(self, account: Account) -> None:
        before = account.credential
        super()._log_in_again(account)
        self.logins += account.credential != before

    def _ask(self, line: Line, endpoint: Endpoint, request: bytes, due_ns: int) -> int | str:
        logins = self.logins
        outcome = super()._ask(line, endpoint, request, due_ns)
        client = line.client
        if endpoint is ME and due_ns:
            replica = self.lines.index(line)
            asked = Asked(replica, str(outcome), due_ns, client.sent_ns, client.done_ns, logins)
            self.note(asked)
        return outcome


def ignore(_stamp: Stamp) -> None:
    """A guest tells more than a stamp holds."""

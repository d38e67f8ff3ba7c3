"""What does a whole visit cost: log in, read some pages, log out?

Only the login has the visit's due time; each later request is due when the one before is done.
"""

from __future__ import annotations

from loadtests.visitor import Visitor

READS = 5


def iterate(visitor: Visitor, due_ns: int) -> None:
    account = visitor.login(due_ns)
    if account is None:
        return
    for _ in range(READS):
        visitor.me(account, visitor.done_ns)
    visitor.logout(account, visitor.done_ns)

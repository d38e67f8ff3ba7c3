"""What does checking a credential cost on ordinary traffic? 95% GET /me, 5% PUT /state."""

from __future__ import annotations

from loadtests.visitor import Visitor

WRITE_SHARE = 0.05


def iterate(visitor: Visitor, due_ns: int) -> None:
    account = visitor.account()
    if visitor.dice.random() < WRITE_SHARE:
        visitor.write_state(account, due_ns)
    else:
        visitor.me(account, due_ns)

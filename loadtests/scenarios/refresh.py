"""What does a refresh cost? Nothing but POST /refresh, each with the token the last one gave."""

from __future__ import annotations

from loadtests.visitor import Visitor


def iterate(visitor: Visitor, due_ns: int) -> None:
    visitor.refresh(visitor.account(), due_ns)

"""What does a morning rush cost: nothing but logins, each of another user?"""

from __future__ import annotations

from loadtests.visitor import Visitor


def iterate(visitor: Visitor, due_ns: int) -> None:
    visitor.login(due_ns)

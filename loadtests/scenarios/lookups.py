"""What does a cache of a given size save? GET /me alone, each account as likely as any other.

A cache that holds a share of the population answers that share of the requests.
"""

from __future__ import annotations

from loadtests.visitor import Visitor


def iterate(visitor: Visitor, due_ns: int) -> None:
    visitor.me(visitor.any_account(), due_ns)

"""What does an outage do to people who only look? GET /me; who is logged out logs in again."""

from __future__ import annotations

from loadtests.visitor import Visitor


def iterate(visitor: Visitor, due_ns: int) -> None:
    visitor.me_or_log_in(visitor.account(), due_ns)

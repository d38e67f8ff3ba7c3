"""What the generator saw in one trial, for the runner to judge.

Times are ns from the trial's begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from loadtests.model import RevokeOutcome


class Asked(NamedTuple):
    """One request of a good user, or a probe. `outcome`: a status, or how the exchange failed
    (see `ExchangeFailed`).

    `logins`: how often the user had logged in again by then.
    """

    replica: int
    outcome: str
    due_ns: int
    sent_ns: int
    done_ns: int
    logins: int = 0


@dataclass(frozen=True, slots=True)
class VictimSeen:
    """One revoke, and every probe of its victim.

    `promised_s`: `effective_within_s` of the answer, null: never. `expires_ns`: when the credential
    has outlived its life for certain; null: not before the trial's end.
    """

    how: Literal["kick", "logout"]
    via_replica: int
    revoke: RevokeOutcome
    sent_ns: int
    acked_ns: int
    promised_s: float | None
    expires_ns: int | None
    probes: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Sighted:
    """One arm's trial: every GET /me of good users, and what they needed to log in again.
    `unanswered`: good users' requests without an outcome at its very end."""

    arm: str
    asked: tuple[Asked, ...]
    unanswered: int
    victims: tuple[VictimSeen, ...]
    logins: tuple[Asked, ...] = ()

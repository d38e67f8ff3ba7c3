"""What was revoked, as one replica knows it: fed with changes in any order, over again.

A login is out when it was denied by its `sid` (which re-issued tokens keep) or when its epoch is
below the one its user, or everybody, was put to. Epochs are counters, never times of issue: a
login seen by a newer replica is good on an older one.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from servers.strategy import Identity, Rejected

ChangeKind = Literal["login", "user", "all", "role"]
LossPolicy = Literal["reject", "accept"]
# What a token of a lost store counts as: never enough, or enough until somebody is kicked.
FOREIGN_EPOCH: dict[LossPolicy, int] = {"reject": -1, "accept": 0}
# Clocks may jump, and differ in both directions by the leeway; what is remembered outlives that.
SKEW_MARGIN_S = 10.0


class Change(NamedTuple):
    """`number`: of a login when its tokens expire (Unix seconds), of all else an epoch.

    `about`: a `sid`, a user id, nothing, or a role, a space and a user id.
    """

    kind: ChangeKind
    number: int
    about: str

    @classmethod
    def parse(cls, text: bytes) -> Change:
        """The reverse of what the scripts announce; raises ValueError for anything else."""
        kind, number, about = text.decode().split(" ", 2)
        if kind not in ("login", "user", "all", "role"):
            raise ValueError(f"no change is of kind {kind!r}")
        return cls(cast("ChangeKind", kind), int(number), about)


@dataclass(frozen=True, slots=True)
class Memory:
    """How long changes matter: until no token of before can be good on any replica's clock."""

    token_ttl_s: float
    clock_leeway_s: float

    @property
    def usual_s(self) -> float:
        return self.token_ttl_s + self._after_expiry_s

    @property
    def _after_expiry_s(self) -> float:
        return 2 * self.clock_leeway_s + SKEW_MARGIN_S

    def ends_s(self, change: Change, made_s: float) -> float:
        """Unix seconds; `made_s`: when the change was made."""
        if change.kind == "login":
            return change.number + self._after_expiry_s
        return made_s + self.usual_s


def admitted(
    claims: Mapping[str, Any],
    *,
    generation: str | None,
    least_epoch: int,
    is_denied: bool,
    role: str | None,
    on_store_loss: LossPolicy,
) -> Identity:
    """Whom `claims` authenticate, or Rejected.

    `generation` is the store's (None: not compared); a token of another was granted by a store
    that is lost. Where such are accepted they count as older than any epoch. `role` overrides the
    token's.
    """
    epoch = claims["epoch"]
    if generation is not None and claims["gen"] != generation:
        if on_store_loss == "reject":
            raise Rejected("unknown_generation")
        epoch = FOREIGN_EPOCH[on_store_loss]
    if is_denied or epoch < least_epoch:
        raise Rejected("revoked")
    return Identity(claims["sub"], role or claims["role"], claims["sid"], claims["state"], claims)


class RevocationView:
    """Changes remembered for as long as a token they concern may live."""

    def __init__(self, memory: Memory, on_store_loss: LossPolicy) -> None:
        self._memory = memory
        self.on_store_loss: LossPolicy = on_store_loss
        self.generation: str | None = None
        self.applied = 0
        self._forget_all()

    def _forget_all(self) -> None:
        self._denied: set[str] = set()
        self._epochs: dict[str, int] = {}
        self._epoch_of_all = 0
        self._roles: dict[str, tuple[int, str]] = {}
        self._ends_s: dict[tuple[ChangeKind, str], float] = {}
        self._queue: list[tuple[float, ChangeKind, str]] = []

    def __len__(self) -> int:
        return len(self._ends_s)

    def begin(self, generation: str) -> None:
        """Another store, which knows nothing of what was revoked in the one before."""
        self._forget_all()
        self.generation = generation

    def admitted(self, claims: Mapping[str, Any]) -> Identity:
        """As `admitted` of this module."""
        user_id = claims["sub"]
        changed = self._roles.get(user_id)
        return admitted(
            claims,
            generation=self.generation,
            least_epoch=max(self._epochs.get(user_id, 0), self._epoch_of_all),
            is_denied=claims["sid"] in self._denied,
            role=changed[1] if changed else None,
            on_store_loss=self.on_store_loss,
        )

    def apply(self, change: Change, made_s: float) -> None:
        """Applying again, or late, changes nothing: the highest number stands."""
        self.applied += 1
        kind, number, about = change
        if kind == "login":
            self._denied.add(about)
        elif kind == "user":
            self._epochs[about] = max(self._epochs.get(about, 0), number)
        elif kind == "all":
            self._epoch_of_all = max(self._epoch_of_all, number)
        else:
            role, _, about = about.partition(" ")
            self._roles[about] = max(self._roles.get(about, (0, "")), (number, role))
        self._remember(kind, about, self._memory.ends_s(change, made_s))

    def _remember(self, kind: ChangeKind, about: str, ends_s: float) -> None:
        if ends_s > self._ends_s.get((kind, about), 0.0):
            self._ends_s[kind, about] = ends_s
            heapq.heappush(self._queue, (ends_s, kind, about))
        self.forget_expired(time.time())

    def forget_expired(self, now_s: float) -> None:
        """Unix seconds; drops what concerns no token that can still be good."""
        while self._queue and self._queue[0][0] <= now_s:
            _, kind, about = heapq.heappop(self._queue)
            if self._ends_s.get((kind, about), now_s + 1) <= now_s:
                del self._ends_s[kind, about]
                self._drop(kind, about)

    def _drop(self, kind: ChangeKind, about: str) -> None:
        if kind == "login":
            self._denied.discard(about)
        elif kind == "user":
            self._epochs.pop(about, None)
        elif kind == "role":
            self._roles.pop(about, None)
        else:
            self._epoch_of_all = 0

"""What revokes under faults prove: how rare a false accept must be when none was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analysis.outages.pairs import Pair
from analysis.reading import Reading
from analysis.revocations.rates import rate_below
from loadtests.model import LawRecord

# Their replicas decide by what the store sends them: where silence could pass for consent.
PUSH_STRATEGIES = ("session_tracking", "jwt_denylist_push", "jwt_epoch")
# As many make the bound 0.3%.
REVOKES_WANTED = 1_000


@dataclass(frozen=True, slots=True)
class Revokes:
    """One arm's revokes under all faults, and what became of requests with what was revoked.

    Of the `ok` ones `judged` are those that no law excepts, as a store's file may undo them.
    `accepted_after_ack` and `false_accepts` count requests: those let in after the
    acknowledgement, and of these the ones later than the law allows; each with how much later the
    latest was sent. `is_push`: whether silence of the store could pass for consent. `untested`:
    why the trials could not have shown a false accept.
    """

    arm: str
    is_push: bool
    ok: int
    judged: int
    refused: int
    indeterminate: int
    probes: int
    accepted_after_ack: int
    accepted_after_ack_worst_s: float
    false_accepts: int
    false_accept_worst_s: float
    untested: str | None

    @property
    def is_short(self) -> bool:
        return self.judged < REVOKES_WANTED

    @property
    def rate_below(self) -> float | None:
        """With no false accept seen, the rate that 95% of such runs would have shown: the rule
        of three. None when one was seen or none could have been."""
        if self.false_accepts or self.untested is not None:
            return None
        return rate_below(self.judged)


def revokes_of(reading: Reading, pairs: Iterable[Pair]) -> tuple[Revokes, ...]:
    """Of every arm that has a trial, in the order of the arms."""
    return tuple(_revokes(reading, tuple(pairs)))


def _revokes(reading: Reading, pairs: tuple[Pair, ...]) -> Iterator[Revokes]:
    for arm in reading.experiment.arms:
        mine = [pair for pair in pairs if pair.arm == arm.name]
        trials = [trial for pair in mine for trial in pair.trials]
        if not trials:
            continue
        judged = sum(
            pair.total(lambda trial: trial.revokes_ok) for pair in mine if not pair.fault.may_undo
        )
        yield Revokes(
            arm=arm.name,
            is_push=arm.strategy in PUSH_STRATEGIES,
            judged=judged,
            ok=sum(t.revokes_ok for t in trials),
            refused=sum(t.revokes_refused for t in trials),
            indeterminate=sum(t.revokes_indeterminate for t in trials),
            probes=sum(t.probes for t in trials),
            accepted_after_ack=sum(t.accepted_after_ack for t in trials),
            accepted_after_ack_worst_s=max(t.accepted_after_ack_worst_s for t in trials),
            false_accepts=sum(t.false_accepts for t in trials),
            false_accept_worst_s=max(t.false_accept_worst_s for t in trials),
            untested=_untested(reading.law(arm.name), judged),
        )


def _untested(law: LawRecord | None, judged: int) -> str | None:
    """Nobody can be seen to break no promise, nor one that was never called in."""
    if law is None:
        return "its law is not known"
    if law.bound_s is None:
        return "it promises nothing"
    return None if judged else "no revoke was acknowledged"

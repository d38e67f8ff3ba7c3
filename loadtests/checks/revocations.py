"""Findings about revocation trials: laws and promises broken, users shut out, trials that told
little or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from loadtests.checks.measures import merged_outcomes
from loadtests.checks.rules import (
    FALSE_REJECT,
    LAW_BROKEN,
    LOAD_MISSED,
    PROMISE_BEYOND_LAW,
    REACCEPTANCE,
    SPARSE_PROBES,
    TRIALS_LOST,
    TRIALS_NOT_BEGUN,
)
from loadtests.model import Finding, LawRecord, Phase, RevocationRecord, SliceRecord

REJECTED = "401"
# A p99 of the gaps beyond twice the spacing is the same as so many of them being wide.
WIDE_GAPS_LIMIT = 0.01
# Points of the capacity: between 30% and 80%, the loads that are told apart, lie five times that.
LOAD_TOLERANCE = 0.1


def revocation_findings(
    phase: Phase,
    arm: str,
    trials: Sequence[RevocationRecord],
    slices: Sequence[SliceRecord],
    law: LawRecord | None,
    per_slice: int,
) -> list[Finding]:
    """What to say about an arm's trials in a phase; nothing where it has none.

    `slices` are those of the arm in the phase: each should have given a line for each of
    `per_slice` trials that it had time for, and every replica. `law` None: it was never learnt.
    """
    if phase.trials is None:
        return []
    bound_s = law.bound_s if law is not None else None
    return [
        *_broken(phase, arm, trials, bound_s),
        *_promises(phase, arm, trials, law),
        *_reaccepted(phase, arm, trials),
        *_false_rejects(phase, arm, slices),
        *_sparse(phase, arm, trials),
        *_load_missed(phase, arm, trials),
        *_not_begun(phase, arm, slices, per_slice),
        *_lost(phase, arm, trials, slices, per_slice),
    ]


def allowed_s(trial: RevocationRecord, bound_s: float | None) -> float | None:
    """How late an acceptance may have been sent: the lesser of what the law allows and what the
    server promised with its acknowledgement. None: there is no such bound."""
    given = [each for each in (bound_s, trial.effective_within_s) if each is not None]
    return min(given, default=None)


def _broken(
    phase: Phase, arm: str, trials: Sequence[RevocationRecord], bound_s: float | None
) -> Iterator[Finding]:
    """A proven acceptance later than allowed; only after a revoke that was acknowledged."""
    late = [
        (trial, allowed)
        for trial in trials
        if trial.revoke == "ok"
        and (allowed := allowed_s(trial, bound_s)) is not None
        and trial.lag_low_s > allowed
    ]
    if late:
        worst, allowed = max(late, key=lambda each: each[0].lag_low_s)
        detail = f"{_place(worst)}: {worst.lag_low_s:.4f} s, promised {allowed:g} s"
        yield LAW_BROKEN.found(arm, phase.name, detail)


def _promises(
    phase: Phase, arm: str, trials: Sequence[RevocationRecord], law: LawRecord | None
) -> Iterator[Finding]:
    if law is None or law.bound_s is None:
        return
    for trial in trials:
        promised_s = trial.effective_within_s
        if trial.revoke == "ok" and (promised_s is None or promised_s > law.bound_s):
            said = "never" if promised_s is None else f"within {promised_s:g} s"
            detail = f"{_place(trial)}: {trial.how} effective {said}, by law within {law.bound_s:g}"
            yield PROMISE_BEYOND_LAW.found(arm, phase.name, f"{detail} s")
            return


def _reaccepted(phase: Phase, arm: str, trials: Sequence[RevocationRecord]) -> Iterator[Finding]:
    again = [trial for trial in trials if trial.revoke == "ok" and trial.reaccepted]
    if again:
        times = sum(trial.reaccepted for trial in again)
        detail = (
            f"{times} times in {len(again)} of {len(trials)} replica-trials; {_place(again[0])}"
        )
        yield REACCEPTANCE.found(arm, phase.name, detail)


def _false_rejects(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> Iterator[Finding]:
    """Victims are probed by trials; whom slices count is the background, which nobody revokes."""
    outcomes = merged_outcomes(slices)
    if outcomes[REJECTED]:
        detail = f"{outcomes[REJECTED]} of {outcomes.total()} requests"
        yield FALSE_REJECT.found(arm, phase.name, detail)


def _sparse(phase: Phase, arm: str, trials: Sequence[RevocationRecord]) -> Iterator[Finding]:
    gaps = sum(max(0, trial.probes - 1) for trial in trials)
    wide = sum(trial.wide_gaps for trial in trials)
    if wide > WIDE_GAPS_LIMIT * gaps:
        yield SPARSE_PROBES.found(arm, phase.name, f"{wide / gaps:.1%} of {gaps} gaps")


def _load_missed(phase: Phase, arm: str, trials: Sequence[RevocationRecord]) -> Iterator[Finding]:
    """Not where no load was asked for, or no capacity is known to measure it by."""
    loads = [trial.load_fraction for trial in trials if trial.load_fraction and trial.load_asked]
    asked = phase.trials.background_fraction if phase.trials is not None else 0.0
    if loads and abs(fmean(loads) - asked) > LOAD_TOLERANCE:
        detail = f"{fmean(loads):.0%} of the capacity, asked {asked:.0%}"
        yield LOAD_MISSED.found(arm, phase.name, detail)


def _not_begun(
    phase: Phase, arm: str, slices: Sequence[SliceRecord], per_slice: int
) -> Iterator[Finding]:
    not_begun = sum(each.not_begun for each in slices)
    if not_begun:
        detail = f"{not_begun} of {per_slice * len(slices)} trials"
        yield TRIALS_NOT_BEGUN.found(arm, phase.name, detail)


def _lost(
    phase: Phase,
    arm: str,
    trials: Sequence[RevocationRecord],
    slices: Sequence[SliceRecord],
    per_slice: int,
) -> Iterator[Finding]:
    planned = sum(s.replicas * (per_slice - s.not_begun) for s in slices)
    expected = max(len(trials), planned)
    lost = expected - sum(t.is_telling for t in trials)
    if lost:
        yield TRIALS_LOST.found(arm, phase.name, f"{lost} of {expected} replica-trials")


def _place(trial: RevocationRecord) -> str:
    return f"trial {trial.trial} of block {trial.block}, replica {trial.replica}"

"""Findings about revocation trials: laws broken, trials that told nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.checks.rules import LAW_BROKEN, TRIALS_LOST
from loadtests.model import Finding, Phase, RevocationRecord, SliceRecord


def revocation_findings(
    phase: Phase, arm: str, trials: Sequence[RevocationRecord], slices: Sequence[SliceRecord]
) -> list[Finding]:
    """Laws broken (a proven acceptance later than promised) and trials that told nothing.

    `slices` are those of the arm in the phase: each should have given a line for every trial and
    replica.
    """
    findings = []
    broken = [
        t
        for t in trials
        if t.revoke == "ok"
        and t.effective_within_s is not None
        and t.lag_low_s > t.effective_within_s
    ]
    if broken:
        worst = max(broken, key=lambda t: t.lag_low_s)
        detail = (
            f"trial {worst.trial} of block {worst.block}, replica {worst.replica}: "
            f"{worst.lag_low_s:.4f} s, promised {worst.effective_within_s} s"
        )
        findings.append(LAW_BROKEN.found(arm, phase.name, detail))
    per_slice = phase.trials.per_slice if phase.trials is not None else 0
    expected = max(len(trials), per_slice * sum(s.replicas for s in slices))
    lost = expected - sum(t.is_telling for t in trials)
    if lost:
        detail = f"{lost} of {expected} replica-trials"
        findings.append(TRIALS_LOST.found(arm, phase.name, detail))
    return findings

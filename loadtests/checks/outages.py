"""Findings about trials of outages: laws broken, requests that hang, policies that did not hold.

Pure. One line of an arm is one trial; what is wrong with several is said once, with the worst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from loadtests.checks.rules import (
    FALSE_ACCEPT,
    FALSE_REJECT,
    HUNG_REQUESTS,
    OUTAGE_CROWDED,
    OUTAGE_UNTOLD,
    POLICY_BROKEN,
)
from loadtests.model import Finding, OutageRecord, Phase

# Beyond it processes wait for a CPU as long as servers wait for their store.
BUSY_LIMIT = 0.85
# What must be left of a trial after the mend for a recovery to show: a second, and its search.
LEAST_LEFT_S = 1.5


def outage_findings(
    phase: Phase, by_arm: Mapping[str, Sequence[OutageRecord]], asked: int
) -> list[Finding]:
    """`asked`: how many trials of each arm the experiment asks for; nothing in a phase of another
    kind."""
    if phase.outage is None:
        return []
    findings = _crowded(phase, [each for trials in by_arm.values() for each in trials])
    for arm, trials in by_arm.items():
        findings += [
            *_accepts(phase, arm, trials),
            *_counted(phase, arm, trials),
            *_policies(phase, arm, trials),
            *_untold(phase, arm, trials, asked),
        ]
    return findings


def _crowded(phase: Phase, trials: Sequence[OutageRecord]) -> list[Finding]:
    """Once for all arms that go through a trial together."""
    shares = {(each.trial, each.started_s): each.busy_share or 0.0 for each in trials}
    full = [share for share in shares.values() if share > BUSY_LIMIT]
    if not full:
        return []
    detail = f"{len(full)} of {len(shares)}, {max(full):.0%} of all CPU time in use"
    return [OUTAGE_CROWDED.found(None, phase.name, detail)]


def _accepts(phase: Phase, arm: str, trials: Sequence[OutageRecord]) -> list[Finding]:
    broken = [each for each in trials if each.false_accepts]
    if not broken:
        return []
    worst = max(broken, key=lambda each: each.false_accept_worst_s)
    detail = (
        f"{sum(each.false_accepts for each in broken)} in {len(broken)} of {len(trials)} trials, "
        f"in trial {worst.trial} {worst.false_accept_worst_s:.3f} s too late"
    )
    return [FALSE_ACCEPT.found(arm, phase.name, detail)]


def _counted(phase: Phase, arm: str, trials: Sequence[OutageRecord]) -> list[Finding]:
    def total(count: Callable[[OutageRecord], int]) -> int:
        return sum(map(count, trials))

    counts = [
        (FALSE_REJECT, total(lambda each: each.false_rejects)),
        (HUNG_REQUESTS, total(lambda each: each.hung)),
    ]
    return [rule.found(arm, phase.name, f"{count} requests") for rule, count in counts if count]


def _policies(phase: Phase, arm: str, trials: Sequence[OutageRecord]) -> list[Finding]:
    broken = [each for each in trials if not each.policy_held]
    if not broken:
        return []
    detail = (
        f"{broken[0].policy} in {len(broken)} of {len(trials)} trials, in trial "
        f"{broken[0].trial}: {broken[0].policy_why}"
    )
    return [POLICY_BROKEN.found(arm, phase.name, detail)]


def _untold(phase: Phase, arm: str, trials: Sequence[OutageRecord], asked: int) -> list[Finding]:
    missing = asked - len(trials)
    short = sum(
        each.recovered_s is None and each.ended_s - each.mended_s < LEAST_LEFT_S for each in trials
    )
    said = [f"{missing} of {asked} missing"] if missing > 0 else []
    said += [f"{short} ended too soon after the mend"] if short else []
    return [OUTAGE_UNTOLD.found(arm, phase.name, "; ".join(said))] if said else []

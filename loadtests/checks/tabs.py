"""Findings about trials of rotation's grace: settings that did not hold, trials lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loadtests.checks.rules import GRACE_BROKEN, TABS_LOST
from loadtests.model import Finding, Phase, SliceRecord, TabsRecord

# The store keeps a rotation's time in whole milliseconds, so an age can be off by one.
TICK_S = 0.001


def tabs_findings(
    phase: Phase, arm: str, lines: Sequence[TabsRecord], slices: Sequence[SliceRecord]
) -> list[Finding]:
    """`slices` are those of the arm in the phase: each should have given a line for every login."""
    findings = []
    breaches = grace_breaches(lines)
    if breaches:
        detail = f"{breaches[0]} (in {len(breaches)} of {len(lines)} trials)"
        findings.append(GRACE_BROKEN.found(arm, phase.name, detail))
    per_slice = phase.browsers.per_slice if phase.browsers is not None else 0
    expected = max(len(lines), per_slice * len(slices))
    lost = expected - sum(line.outcome != "unknown" for line in lines)
    if lost:
        findings.append(TABS_LOST.found(arm, phase.name, f"{lost} of {expected} logins"))
    return findings


def grace_breaches(lines: Sequence[TabsRecord]) -> list[str]:
    """What cannot be if a rotated token is good for `grace_s` and no longer, a line a trial."""
    said = ((line, next(_breaches(line), None)) for line in lines)
    return [f"trial {line.trial} of block {line.block}: {why}" for line, why in said if why]


def _breaches(line: TabsRecord) -> Iterator[str]:
    if line.thief is None:
        yield from _between_tabs(line)
        return
    for replay in line.thief:
        if replay.accepted and replay.replayed_after_s > line.grace_s + TICK_S:
            yield f"a token was taken {replay.replayed_after_s:.4f} s after its rotation"
        if not replay.accepted and replay.at_most_s < line.grace_s - TICK_S:
            yield f"a token was refused {replay.at_most_s:.4f} s after its rotation"
    if line.family_ended is False:
        yield "a reuse was refused, and the login lived on"


def _between_tabs(line: TabsRecord) -> Iterator[str]:
    if line.outcome == "logged_out" and line.apart_high_s < line.grace_s - TICK_S:
        yield f"tabs within {line.apart_high_s:.4f} s logged their browser out"
    if line.outcome == "kept" and line.apart_low_s > line.grace_s + TICK_S:
        yield f"tabs {line.apart_low_s:.4f} s apart left their browser logged in"

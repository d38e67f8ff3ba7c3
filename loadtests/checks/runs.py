"""Findings about a run as a whole: what its circumstances say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.checks.rules import IMPOSSIBLE, SHARED_STORE, UNPINNED
from loadtests.model import BlockFacts, Finding, Placement, RunRecord, StoreInfo


def run_findings(run: RunRecord) -> list[Finding]:
    """What a run's circumstances say before anything is measured."""
    return [*_circumstances(run.store, run.placement), *_impossible_arms(run.blocks)]


def _impossible_arms(blocks: Sequence[BlockFacts]) -> list[Finding]:
    """Arms that some block left out, each with the first block's reason."""
    reasons: dict[str, str] = {}
    for block in blocks:
        for arm, facts in block.arms.items():
            if facts.impossible is not None:
                reasons.setdefault(arm, facts.impossible)
    return [IMPOSSIBLE.found(arm, None, why) for arm, why in reasons.items()]


def _circumstances(store: StoreInfo, placement: Placement) -> list[Finding]:
    findings = []
    if store.shared:
        findings.append(SHARED_STORE.found(None, None, ""))
    if not placement.generator_cpus:
        findings.append(UNPINNED.found(None, None, ""))
    return findings

"""Findings about a run as a whole: what its circumstances say. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.checks.rules import (
    CROWDED_GENERATORS,
    ENVIRONMENT_CHANGED,
    IMPOSSIBLE,
    NOT_MEASURED,
    PRECISION_NOT_REACHED,
    SHARED_STORE,
    UNPINNED,
    WORKER_LOST,
)
from loadtests.model import (
    BlockFacts,
    Finding,
    Phase,
    RunRecord,
    SliceRecord,
)


def run_findings(run: RunRecord) -> list[Finding]:
    """What a run's circumstances say, and how it ended."""
    return [
        *_circumstances(run),
        *_impossible_arms(run.blocks),
        *_lost_workers(run.blocks),
        *_changes(run.blocks),
        *_length(run),
    ]


def missing_findings(
    run: RunRecord, phase: Phase, arm: str, slices: Sequence[SliceRecord]
) -> list[Finding]:
    """Of a possible arm that lost workers left without any slice in a phase."""
    lost = any(block.lost_worker is not None for block in run.blocks)
    possible = any(arm in block.arms and block.arms[arm].impossible is None for block in run.blocks)
    if slices or not lost or not possible:
        return []
    return [NOT_MEASURED.found(arm, phase.name, "")]


def _lost_workers(blocks: Sequence[BlockFacts]) -> list[Finding]:
    said = [
        f"block {block.block}, {block.lost_worker.sentence()}"
        for block in blocks
        if block.lost_worker is not None
    ]
    return [WORKER_LOST.found(None, None, "; ".join(said))] if said else []


def _changes(blocks: Sequence[BlockFacts]) -> list[Finding]:
    changed = {change: block.block for block in reversed(blocks) for change in block.changes}
    if not changed:
        return []
    said = (f"{change} (from block {block})" for change, block in changed.items())
    return [ENVIRONMENT_CHANGED.found(None, None, "; ".join(said))]


def _length(run: RunRecord) -> list[Finding]:
    if run.length is None or run.length.ended_by != "cap" or run.experiment.precision is None:
        return []
    said = run.length.sentence(run.experiment.precision.half_width)
    return [PRECISION_NOT_REACHED.found(None, None, said)]


def _impossible_arms(blocks: Sequence[BlockFacts]) -> list[Finding]:
    """Arms that some block left out, each with the first block's reason."""
    reasons: dict[str, str] = {}
    for block in blocks:
        for arm, facts in block.arms.items():
            if facts.impossible is not None:
                reasons.setdefault(arm, facts.impossible)
    return [IMPOSSIBLE.found(arm, None, why) for arm, why in reasons.items()]


def _circumstances(run: RunRecord) -> list[Finding]:
    findings: list[Finding] = []
    if run.experiment.is_of_outages:
        # Their arms share a store, and all share the CPUs, on purpose.
        return findings
    if run.store.shared:
        findings.append(SHARED_STORE.found(None, None, ""))
    if not run.placement.generator_cpus:
        findings.append(UNPINNED.found(None, None, ""))
    elif run.experiment.generators > (cpus := len(run.placement.generator_cpus)):
        detail = f"{run.experiment.generators} on {cpus}"
        findings.append(CROWDED_GENERATORS.found(None, None, detail))
    return findings

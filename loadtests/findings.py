"""A run folder -> its findings: what was measured is read back and every check is asked."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from loadtests import checks, run_store
from loadtests.model import (
    Experiment,
    Finding,
    LawRecord,
    OutageRecord,
    Phase,
    RevocationRecord,
    RunRecord,
    SliceRecord,
    TabsRecord,
)
from loadtests.trial_plans import slices_of


def findings_of(folder: Path, run: RunRecord) -> Iterator[Finding]:
    slices, trials = _slices(folder), _trials(folder)
    browsers, outages = _browsers(folder), _outages(folder)
    yield from checks.run_findings(run)
    for phase in run.experiment.phases:
        by_arm = {
            arm.name: list(slices[phase.name, arm.name].values())
            for arm in run.experiment.arms_in(phase)
        }
        yield from checks.disturbance_findings(phase, by_arm, os.cpu_count() or 1)
        yield from checks.clock_findings(phase, by_arm)
        went = {arm.name: outages[phase.name, arm.name] for arm in run.experiment.arms}
        asked = run.experiment.blocks * phase.rounds
        yield from checks.outage_findings(phase, went, asked)
        for arm, measured in by_arm.items():
            yield from checks.missing_findings(run, phase, arm, measured)
            yield from checks.phase_findings(phase, arm, measured, run.placement)
            yield from checks.search_findings(phase, arm, measured)
            yield from checks.calibration_findings(
                phase, arm, measured, run.calibration, max(1, len(run.placement.generator_cpus))
            )
            tried, law = trials[phase.name, arm], _law(run, arm)
            each = _trials_in_a_slice(run.experiment, phase, law)
            yield from checks.revocation_findings(phase, arm, tried, measured, law, each)
            yield from checks.tabs_findings(phase, arm, browsers[phase.name, arm], measured)
    for arm in (each.name for each in run.experiment.arms):
        by_phase = {
            phase.name: list(slices[phase.name, arm].values()) for phase in run.experiment.phases
        }
        yield from checks.distance_findings(run.experiment, arm, by_phase)


def _law(run: RunRecord, arm: str) -> LawRecord | None:
    """As the last block learnt it; settings do not change between blocks."""
    told = (block.arms[arm].law for block in reversed(run.blocks) if arm in block.arms)
    return next(told, None)


def _trials_in_a_slice(experiment: Experiment, phase: Phase, law: LawRecord | None) -> int:
    if phase.trials is None or law is None:
        return 0
    return phase.trials.in_a_slice(law.bound_s, slices_of(experiment, phase))


def _slices(folder: Path) -> dict[tuple[str, str], dict[tuple[int, int], SliceRecord]]:
    """By phase and arm, then by block and round: a later attempt takes an earlier one's place."""
    slices: dict[tuple[str, str], dict[tuple[int, int], SliceRecord]] = defaultdict(dict)
    for each in run_store.read_slices(folder, _ignore):
        slices[each.phase, each.arm][each.block, each.round] = each
    return slices


def _trials(folder: Path) -> dict[tuple[str, str], list[RevocationRecord]]:
    trials: dict[tuple[str, str], list[RevocationRecord]] = defaultdict(list)
    for trial in run_store.read_revocations(folder, _ignore):
        trials[trial.phase, trial.arm].append(trial)
    return trials


def _browsers(folder: Path) -> dict[tuple[str, str], list[TabsRecord]]:
    browsers: dict[tuple[str, str], list[TabsRecord]] = defaultdict(list)
    for line in run_store.read_tabs(folder, _ignore):
        browsers[line.phase, line.arm].append(line)
    return browsers


def _outages(folder: Path) -> dict[tuple[str, str], list[OutageRecord]]:
    outages: dict[tuple[str, str], list[OutageRecord]] = defaultdict(list)
    for each in run_store.read_outages(folder, _ignore):
        outages[each.phase, each.arm].append(each)
    return outages


def _ignore(_line: str) -> None:
    """What cannot be read back was reported when it was written, or will be by the report."""

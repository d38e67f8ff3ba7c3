"""Lags of revocations by cell: of one arm in one phase of one block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtests.model import Experiment, Phase, RevocationRecord

BlockPhaseArm = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class TrialLags:
    """As they stand in a Cell; empty where nothing was told."""

    lags_s: tuple[float | None, ...] = ()
    resolution_s: float | None = None


def lags_of(
    lines: Iterable[RevocationRecord], experiment: Experiment
) -> dict[BlockPhaseArm, TrialLags]:
    """Of kicks and logouts: how long a changed role takes is another question."""
    told: dict[BlockPhaseArm, list[RevocationRecord]] = {}
    for line in lines:
        if line.is_telling and line.how != "role":
            told.setdefault((line.block, line.phase, line.arm), []).append(line)
    return {
        key: TrialLags(
            tuple(line.lag_high_s for line in mine), _resolution_s(mine, experiment.phase(key[1]))
        )
        for key, mine in told.items()
    }


def _resolution_s(lines: Iterable[RevocationRecord], phase: Phase) -> float | None:
    """What the lines say was asked; in runs that did not note it, what the phase asks."""
    asked = [line.probe_every_s for line in lines if line.probe_every_s is not None]
    planned_s = None if phase.trials is None else phase.trials.probe_every_s
    return max(asked, default=planned_s)

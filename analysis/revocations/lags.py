"""Lags of an arm in a phase: of revokes or of changed roles, of every replica or of the worst."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from analysis.metrics import LAGS_FOR_P99
from analysis.reading import Reading
from analysis.revocations.laws import trial_of
from analysis.revocations.loads import by_load
from analysis.revocations.spacing import Spacing
from analysis.stats import nearest_rank
from loadtests.model import Phase, RevocationRecord

# A revoke is a kick or a logout.
Change = Literal["revoke", "role"]
CHANGES: tuple[Change, ...] = ("revoke", "role")


@dataclass(frozen=True, slots=True)
class Lags:
    """`lag_high_s` in seconds, by block; infinite where a replica never refused."""

    by_block: Mapping[int, tuple[float, ...]]

    @property
    def all_s(self) -> list[float]:
        return [lag for lags in self.by_block.values() for lag in lags]

    @property
    def trials(self) -> int:
        return len(self.all_s)

    @property
    def never(self) -> int:
        return sum(math.isinf(lag) for lag in self.all_s)

    def quantile_s(self, quantile: float) -> float | None:
        """By nearest rank over all blocks together; a p99 of fewer than 100 is None."""
        return _quantile_s(self.all_s, quantile)

    def median_of_blocks_s(self, quantile: float) -> float | None:
        """The middle one of the blocks' own quantiles; None unless each block has one."""
        found = [_quantile_s(lags, quantile) for lags in self.by_block.values()]
        known = [lag for lag in found if lag is not None]
        return median(known) if known and len(known) == len(found) else None


@dataclass(frozen=True, slots=True)
class LagGroup:
    """One arm in one phase. `worst` has one lag a trial, the longest of its replicas, of trials in
    which every replica told something."""

    arm: str
    phase: Phase
    change: Change
    lines: tuple[RevocationRecord, ...]
    replica: Lags
    worst: Lags
    spacing: Spacing

    @property
    def reaccepted(self) -> int:
        return sum(line.reaccepted for line in self.lines)


def lag_groups(reading: Reading) -> Iterator[LagGroup]:
    """Revokes before roles, then by arm as planned and by load; only where something was told."""
    lines: dict[tuple[Change, str, str], list[RevocationRecord]] = {}
    for line in reading.revocations:
        change: Change = "role" if line.how == "role" else "revoke"
        lines.setdefault((change, line.arm, line.phase), []).append(line)
    for change in CHANGES:
        for arm in reading.experiment.arms:
            for phase in by_load(reading.experiment.phases):
                mine = tuple(lines.get((change, arm.name, phase.name), ()))
                if any(line.is_telling for line in mine):
                    yield _group(reading, arm.name, phase, change, mine)


def spacing_in(reading: Reading, groups: Iterable[LagGroup], arm: str, phase: Phase) -> Spacing:
    """Of the probes after kicks and logouts; as planned where none told anything."""
    place = ("revoke", arm, phase.name)
    found = (g.spacing for g in groups if (g.change, g.arm, g.phase.name) == place)
    law = reading.law(arm)
    planned = Spacing.of((), phase.trials, None if law is None else law.bound_s)
    return next(found, planned)


def lag_s(line: RevocationRecord) -> float:
    return math.inf if line.lag_high_s is None else line.lag_high_s


def _group(
    reading: Reading, arm: str, phase: Phase, change: Change, lines: tuple[RevocationRecord, ...]
) -> LagGroup:
    telling = tuple(line for line in lines if line.is_telling)
    law = reading.law(arm)
    return LagGroup(
        arm=arm,
        phase=phase,
        change=change,
        lines=telling,
        replica=_by_block([(line.block, lag_s(line)) for line in telling]),
        worst=_by_block(_worst(lines)),
        spacing=Spacing.of(telling, phase.trials, None if law is None else law.bound_s),
    )


def _worst(lines: Sequence[RevocationRecord]) -> list[tuple[int, float]]:
    trials: dict[tuple[int, str, str, int, float], list[RevocationRecord]] = {}
    for line in lines:
        trials.setdefault(trial_of(line), []).append(line)
    return [
        (trial[0].block, max(map(lag_s, trial)))
        for trial in trials.values()
        if all(line.is_telling for line in trial)
    ]


def _by_block(lags: Sequence[tuple[int, float]]) -> Lags:
    blocks: dict[int, list[float]] = {}
    for block, lag in lags:
        blocks.setdefault(block, []).append(lag)
    return Lags({block: tuple(sorted(of_block)) for block, of_block in sorted(blocks.items())})


def _quantile_s(lags: Sequence[float], quantile: float) -> float | None:
    if not lags or (quantile == 0.99 and len(lags) < LAGS_FOR_P99):
        return None
    return nearest_rank(lags, quantile)

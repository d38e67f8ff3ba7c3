"""Reads a run folder once, in order, and keeps what the report needs of it.

Histograms are merged per block, phase, arm and endpoint and reduced when the block closes; one
running merge per phase, arm and endpoint is kept for the curves. So a long run costs no more
memory than a short one, but for its tidy rows. Reading relies on the order in which the runner
appends: blocks, phases and rounds one after the other, a round's repeats right behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.cells import Cell, Latency, Sums
from analysis.frame import Columns, rows_of
from analysis.knees import Probe, knee_of
from loadtests import run_store
from loadtests.histogram import Histogram
from loadtests.model import (
    AddedDelay,
    ArmFacts,
    Experiment,
    LawRecord,
    OutageRecord,
    Phase,
    RevocationRecord,
    RunRecord,
    SliceRecord,
)

PhaseArmEndpoint = tuple[str, str, str]
BlockPhaseArm = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """One replica's view of one acknowledged revocation that told something.

    `lag_high_s` None: never refused.
    """

    block: int
    phase: str
    arm: str
    lag_low_s: float
    lag_high_s: float | None
    effective_within_s: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A run as the analysis sees it. `unreadable` has a line for every line left out."""

    run: RunRecord
    frame: pd.DataFrame
    cells: tuple[Cell, ...]
    curves: dict[PhaseArmEndpoint, Histogram]
    trials: tuple[Trial, ...]
    unreadable: tuple[str, ...]
    repeated_rounds: int
    outages: tuple[OutageRecord, ...] = ()

    @property
    def experiment(self) -> Experiment:
        return self.run.experiment

    @property
    def impossible(self) -> dict[str, str]:
        """Arms that were left out, with the reason."""
        return {
            arm: facts.impossible
            for block in self.run.blocks
            for arm, facts in block.arms.items()
            if facts.impossible is not None
        }

    def facts(self, arm: str) -> ArmFacts | None:
        """What the first block that knew the arm noted of it."""
        known = (block.arms.get(arm) for block in self.run.blocks)
        return next((facts for facts in known if facts is not None), None)

    @property
    def outage_phases(self) -> tuple[Phase, ...]:
        """Phases in which a fault was to be done, or was."""
        seen = {record.phase for record in self.outages}
        phases = self.experiment.phases
        return tuple(phase for phase in phases if phase.kind == "outage" or phase.name in seen)

    def law(self, arm: str) -> LawRecord | None:
        """What the arm's server promised, None when no block got as far as asking."""
        facts = self.facts(arm)
        return None if facts is None else facts.law


def read(folder: Path) -> Reading:
    """Raises ConfigurationError when `folder` is no run or its run.json is damaged."""
    run = run_store.read_run(folder)
    unreadable: list[str] = []
    trials = tuple(_trials(run_store.read_revocations(folder, unreadable.append)))
    accumulator = _Accumulator(run.experiment, unreadable, _lags(trials))
    for record, counted in last_attempts(run_store.read_slices(folder, unreadable.append)):
        accumulator.add(record, counted=counted)
    accumulator.close_block()
    outages = tuple(_outages(run.experiment, folder, unreadable))
    return Reading(
        run=run,
        frame=accumulator.columns.frame(),
        cells=(*accumulator.cells, *accumulator.trials_without_slices(), *_fact_cells(run)),
        curves=accumulator.curves,
        trials=trials,
        unreadable=tuple(unreadable),
        repeated_rounds=accumulator.repeated_rounds,
        outages=outages,
    )


def last_attempts(slices: Iterable[SliceRecord]) -> Iterator[tuple[SliceRecord, bool]]:
    """Each slice with whether it counts: only an arm's last attempt at a round does.

    Holds one round (with its repeats) at a time.
    """
    waiting: list[SliceRecord] = []
    for record in slices:
        if waiting and _round_of(waiting[0]) != _round_of(record):
            yield from _judged(waiting)
            waiting = []
        waiting.append(record)
    yield from _judged(waiting)


def _judged(one_round: list[SliceRecord]) -> Iterator[tuple[SliceRecord, bool]]:
    last: dict[str, int] = {}
    for record in one_round:
        last[record.arm] = max(record.attempt, last.get(record.arm, 0))
    for record in one_round:
        yield record, record.attempt == last[record.arm]


def _round_of(record: SliceRecord) -> tuple[int, str, int]:
    return record.block, record.phase, record.round


@dataclass(slots=True)
class _Accumulator:
    """What is known so far; `open_*` belong to the block being read."""

    experiment: Experiment
    unreadable: list[str]
    lags: dict[BlockPhaseArm, tuple[float | None, ...]]
    columns: Columns = field(default_factory=Columns)
    cells: list[Cell] = field(default_factory=list)
    curves: dict[PhaseArmEndpoint, Histogram] = field(default_factory=dict)
    repeated: set[tuple[int, str, int]] = field(default_factory=set)
    block: int | None = None
    open_sums: dict[tuple[str, str], Sums] = field(default_factory=dict)
    open_histograms: dict[PhaseArmEndpoint, Histogram] = field(default_factory=dict)
    open_probes: dict[tuple[str, str], list[Probe]] = field(default_factory=dict)
    open_added: dict[tuple[str, str], list[AddedDelay]] = field(default_factory=dict)

    @property
    def repeated_rounds(self) -> int:
        return len(self.repeated)

    def add(self, record: SliceRecord, *, counted: bool) -> None:
        try:
            _check_planned(self.experiment, record.phase, record.arm)
            response = {n: Histogram.from_text(e.response) for n, e in record.endpoints.items()}
        except ValueError as error:
            self.unreadable.append(f"slice of {record.arm} in {record.phase} left out: {error}")
            return
        for row in rows_of(record, response, self.experiment, counted=counted):
            self.columns.add(row)
        if not counted:
            self.repeated.add(_round_of(record))
            return
        if record.block != self.block:
            self.close_block()
            self.block = record.block
        self._count(record, response)

    def close_block(self) -> None:
        for (phase, arm), sums in self.open_sums.items():
            self.cells.append(self._cell(phase, arm, sums))
        self.open_sums, self.open_histograms, self.open_probes = {}, {}, {}
        self.open_added = {}

    def trials_without_slices(self) -> Iterator[Cell]:
        kinds = {phase.name: phase.kind for phase in self.experiment.phases}
        for (block, phase, arm), lags_s in self.lags.items():
            yield Cell(block, arm, phase, kinds.get(phase), lags_s=lags_s)

    def _count(self, record: SliceRecord, response: dict[str, Histogram]) -> None:
        key = (record.phase, record.arm)
        self.open_sums[key] = self.open_sums.get(key, Sums()).plus(record)
        probe = Probe.of(record, self.experiment.phase(record.phase))
        if probe is not None:
            self.open_probes.setdefault(key, []).append(probe)
        if record.added_delay is not None:
            self.open_added.setdefault(key, []).append(record.added_delay)
        for endpoint, histogram in response.items():
            for histograms in (self.open_histograms, self.curves):
                histograms.setdefault((*key, endpoint), Histogram()).merge(histogram)

    def _cell(self, phase: str, arm: str, sums: Sums) -> Cell:
        if self.block is None:
            raise RuntimeError("sums without a block")
        latency = {
            endpoint: Latency.of(histogram)
            for (of_phase, of_arm, endpoint), histogram in self.open_histograms.items()
            if (of_phase, of_arm) == (phase, arm)
        }
        planned = self.experiment.phase(phase)
        probes = tuple(self.open_probes.get((phase, arm), ()))
        return Cell(
            self.block,
            arm,
            phase,
            planned.kind,
            sums=sums,
            latency=latency,
            lags_s=self.lags.pop((self.block, phase, arm), ()),
            probes=probes,
            knee=knee_of(probes, planned),
            added=tuple(self.open_added.get((phase, arm), ())),
        )


def _check_planned(experiment: Experiment, phase: str, arm: str) -> None:
    """Raises ValueError for what the experiment has not."""
    if phase not in {planned.name for planned in experiment.phases}:
        raise ValueError("the experiment has no such phase")
    if arm not in {planned.name for planned in experiment.arms}:
        raise ValueError("the experiment has no such arm")


def _outages(experiment: Experiment, folder: Path, unreadable: list[str]) -> Iterator[OutageRecord]:
    for record in run_store.read_outages(folder, unreadable.append):
        try:
            _check_planned(experiment, record.phase, record.arm)
        except ValueError as error:
            unreadable.append(f"outage of {record.arm} in {record.phase} left out: {error}")
            continue
        yield record


def _trials(records: Iterable[RevocationRecord]) -> Iterator[Trial]:
    for record in records:
        if record.is_telling:
            yield Trial(
                record.block,
                record.phase,
                record.arm,
                record.lag_low_s,
                record.lag_high_s,
                record.effective_within_s,
            )


def _lags(trials: Iterable[Trial]) -> dict[BlockPhaseArm, tuple[float | None, ...]]:
    lags: dict[BlockPhaseArm, tuple[float | None, ...]] = {}
    for trial in trials:
        key = (trial.block, trial.phase, trial.arm)
        lags[key] = (*lags.get(key, ()), trial.lag_high_s)
    return lags


def _fact_cells(run: RunRecord) -> Iterator[Cell]:
    for facts in run.blocks:
        for arm, known in facts.arms.items():
            yield Cell(facts.block, arm, store_bytes_per_login=known.store_bytes_per_login)

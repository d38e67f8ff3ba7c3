"""Reads a run folder once, in order, and keeps what the report needs of it.

Histograms are merged per block, phase, arm and endpoint and reduced when the block closes; one
running merge per phase, arm and endpoint is kept for the curves. So a long run costs no more
memory than a short one, but for its tidy rows. Reading relies on the order in which the runner
appends: blocks, phases and rounds one after the other, a round's repeats right behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd

from analysis.cells import Cell, Latency, Sums, ok_requests, requests
from analysis.frame import Columns, rows_of
from analysis.knees import Probe, knee_of
from analysis.trial_lags import BlockPhaseArm, TrialLags, lags_of
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
    TabsRecord,
)

Tried = TypeVar("Tried", RevocationRecord, OutageRecord)
PhaseArmEndpoint = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A run as the analysis sees it. `unreadable` has a line for every line left out.

    `revocations` are the lines of every trial and replica, also of those that told nothing.
    """

    run: RunRecord
    frame: pd.DataFrame
    cells: tuple[Cell, ...]
    curves: dict[PhaseArmEndpoint, Histogram]
    revocations: tuple[RevocationRecord, ...]
    unreadable: tuple[str, ...]
    repeated_rounds: int
    browsers: tuple[TabsRecord, ...] = ()
    outages: tuple[OutageRecord, ...] = ()

    @property
    def experiment(self) -> Experiment:
        return self.run.experiment

    @property
    def trials(self) -> tuple[RevocationRecord, ...]:
        """The lines of acknowledged kicks and logouts that told something of the lag."""
        return tuple(line for line in self.revocations if line.is_telling and line.how != "role")

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
    written = run_store.read_revocations(folder, unreadable.append)
    revocations = tuple(_planned(written, "trial", run.experiment, unreadable))
    browsers = tuple(run_store.read_tabs(folder, unreadable.append))
    accumulator = _Accumulator(run.experiment, unreadable, lags_of(revocations, run.experiment))
    for record, counted in last_attempts(run_store.read_slices(folder, unreadable.append)):
        accumulator.add(record, counted=counted)
    accumulator.close_block()
    written_outages = run_store.read_outages(folder, unreadable.append)
    outages = tuple(_planned(written_outages, "outage", run.experiment, unreadable))
    return Reading(
        run=run,
        frame=accumulator.columns.frame(),
        cells=(*accumulator.cells, *accumulator.trials_without_slices(), *_fact_cells(run)),
        curves=accumulator.curves,
        revocations=revocations,
        unreadable=tuple(unreadable),
        repeated_rounds=accumulator.repeated_rounds,
        browsers=browsers,
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
    lags: dict[BlockPhaseArm, TrialLags]
    columns: Columns = field(default_factory=Columns)
    cells: list[Cell] = field(default_factory=list)
    curves: dict[PhaseArmEndpoint, Histogram] = field(default_factory=dict)
    repeated: set[tuple[int, str, int]] = field(default_factory=set)
    block: int | None = None
    open_sums: dict[tuple[str, str], Sums] = field(default_factory=dict)
    open_histograms: dict[PhaseArmEndpoint, Histogram] = field(default_factory=dict)
    open_failed: Counter[PhaseArmEndpoint] = field(default_factory=Counter)
    open_probes: dict[tuple[str, str], list[Probe]] = field(default_factory=dict)
    open_added: dict[tuple[str, str], list[AddedDelay]] = field(default_factory=dict)

    @property
    def repeated_rounds(self) -> int:
        return len(self.repeated)

    def add(self, record: SliceRecord, *, counted: bool) -> None:
        try:
            self._check_planned(record)
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
        self.open_added, self.open_failed = {}, Counter()

    def trials_without_slices(self) -> Iterator[Cell]:
        kinds = {phase.name: phase.kind for phase in self.experiment.phases}
        for (block, phase, arm), lags in self.lags.items():
            yield Cell(
                block,
                arm,
                phase,
                kinds.get(phase),
                lags_s=lags.lags_s,
                resolution_s=lags.resolution_s,
            )

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
            outcomes = record.endpoints[endpoint]
            self.open_failed[*key, endpoint] += requests(outcomes) - ok_requests(outcomes)

    def _cell(self, phase: str, arm: str, sums: Sums) -> Cell:
        if self.block is None:
            raise RuntimeError("sums without a block")
        latency = {
            endpoint: Latency.of(histogram, self.open_failed[phase, arm, endpoint])
            for (of_phase, of_arm, endpoint), histogram in self.open_histograms.items()
            if (of_phase, of_arm) == (phase, arm)
        }
        planned = self.experiment.phase(phase)
        lags = self.lags.pop((self.block, phase, arm), TrialLags())
        probes = tuple(self.open_probes.get((phase, arm), ()))
        return Cell(
            self.block,
            arm,
            phase,
            planned.kind,
            sums=sums,
            latency=latency,
            lags_s=lags.lags_s,
            resolution_s=lags.resolution_s,
            probes=probes,
            knee=knee_of(probes, planned),
            added=tuple(self.open_added.get((phase, arm), ())),
        )

    def _check_planned(self, record: SliceRecord) -> None:
        stranger = _stranger(record, self.experiment)
        if stranger is not None:
            raise ValueError(stranger)


def _stranger(
    line: SliceRecord | RevocationRecord | OutageRecord, experiment: Experiment
) -> str | None:
    """What the experiment does not know of a line."""
    if line.phase not in {phase.name for phase in experiment.phases}:
        return "the experiment has no such phase"
    if line.arm not in {arm.name for arm in experiment.arms}:
        return "the experiment has no such arm"
    return None


def _planned(
    lines: Iterable[Tried], what: str, experiment: Experiment, unreadable: list[str]
) -> Iterator[Tried]:
    for line in lines:
        stranger = _stranger(line, experiment)
        if stranger is None:
            yield line
        else:
            unreadable.append(f"{what} of {line.arm} in {line.phase} left out: {stranger}")


def _fact_cells(run: RunRecord) -> Iterator[Cell]:
    for facts in run.blocks:
        for arm, known in facts.arms.items():
            yield Cell(facts.block, arm, store_bytes_per_login=known.store_bytes_per_login)

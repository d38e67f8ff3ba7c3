"""The values of single slices, which the report never shows: what variance components need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.aa.twins import Place
from analysis.cells import Cell, Latency, Sums
from analysis.metrics import Missing
from analysis.reading import Reading, last_attempts
from loadtests import run_store
from loadtests.histogram import Histogram
from loadtests.model import SliceRecord

# Slices of an arm in a phase of a block, in the order of the rounds.
Slices = Mapping[tuple[str | None, str, int], Sequence[Cell]]


def slices_of(folder: Path, reading: Reading, twins: Sequence[str]) -> Slices:
    """Every counted slice of the twins as a cell of its own."""
    blocks = {(cell.phase, cell.arm, cell.block): cell for cell in reading.cells}
    slices: dict[tuple[str | None, str, int], list[Cell]] = {}
    for record in _counted(folder, twins):
        key = (record.phase, record.arm, record.block)
        if key in blocks:
            slices.setdefault(key, []).append(_cell(record, blocks[key]))
    # What belongs to no phase has one value a block.
    outside = {key: [cell] for key, cell in blocks.items() if key[0] is None and key[1] in twins}
    return {**slices, **outside}


def logs_of(slices: Slices, place: Place, twins: Sequence[str]) -> NDArray[np.float64] | None:
    """Logarithms of the place's values, shape (blocks, rounds, arms); None where one is missing or
    not positive, or blocks differ in their rounds."""
    blocks = sorted({block for phase, _, block in slices if phase == place.phase})
    values = [
        [[_value(cell, place) for cell in slices.get((place.phase, arm, block), ())]
         for arm in twins]
        for block in blocks
    ]  # fmt: skip
    rounds = {len(of_arm) for of_block in values for of_arm in of_block}
    if len(rounds) != 1 or rounds == {0}:
        return None
    found = np.array(values, dtype=np.float64)
    if not bool((found > 0).all()):
        return None
    logs: NDArray[np.float64] = np.log(found).transpose(0, 2, 1)
    return logs


def _counted(folder: Path, twins: Sequence[str]) -> Iterator[SliceRecord]:
    # Lines that cannot be read were told when the run was.
    for record, counted in last_attempts(run_store.read_slices(folder, lambda _: None)):
        if counted and record.arm in twins:
            yield record


def _cell(record: SliceRecord, block: Cell) -> Cell:
    """One slice in the place of its block. Whether there are samples enough for a percentile is
    the block's affair."""
    latency = {
        name: replace(
            Latency.of(Histogram.from_text(endpoint.response)), samples=block.latency[name].samples
        )
        for name, endpoint in record.endpoints.items()
        if name in block.latency
    }
    return replace(block, sums=Sums().plus(record), latency=latency)


def _value(cell: Cell, place: Place) -> float:
    value = place.metric.compute(cell, place.endpoint)
    return float("nan") if isinstance(value, Missing) else value

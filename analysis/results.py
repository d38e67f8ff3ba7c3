"""An arm's result for a metric: its cells' values over the blocks, made one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from analysis.cells import Cell
from analysis.metrics import Metric, Missing, Value
from analysis.reading import Reading
from analysis.stats import mean_interval

PhaseEndpoint = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Result:
    """A row of summary.json's `results`: the mean over blocks and its 95% interval, or null with
    the reason. `by_block` holds what comparisons pair; `never_ends`: no value, as a lag had no
    end; `too_few_samples`: none, as a percentile wants more of them. `resolution`: what is no
    larger could be anything below it."""

    arm: str
    phase: str | None
    scenario: str | None
    endpoint: str | None
    metric: Metric
    value: float | None
    low: float | None
    high: float | None
    blocks: int
    reason: str | None
    by_block: Mapping[int, float]
    never_ends: bool = False
    too_few_samples: bool = False
    resolution: float | None = None


def results_of(reading: Reading, metrics: Iterable[Metric]) -> Iterator[Result]:
    """Results in the order of the metrics, then phases, endpoints and arms as planned."""
    for metric in metrics:
        cells = [cell for cell in reading.cells if metric.applies_to(cell)]
        for phase, endpoint in _places(metric, cells, reading):
            for arm in reading.experiment.arms:
                mine = [c for c in cells if c.arm == arm.name and c.phase == phase]
                if mine:
                    yield _result(reading, metric, (phase, endpoint), mine)


def _places(metric: Metric, cells: list[Cell], reading: Reading) -> list[PhaseEndpoint]:
    order = [phase.name for phase in reading.experiment.phases]
    phases = sorted({c.phase for c in cells}, key=lambda p: -1 if p is None else order.index(p))
    if not metric.per_endpoint:
        return [(phase, metric.endpoint) for phase in phases]
    return [
        (phase, endpoint)
        for phase in phases
        for endpoint in sorted({e for c in cells if c.phase == phase for e in c.latency})
    ]


def _result(reading: Reading, metric: Metric, place: PhaseEndpoint, cells: list[Cell]) -> Result:
    phase, endpoint = place
    values = _values(metric, endpoint, cells)
    missing = next((v for v in values.values() if isinstance(v, Missing)), None)
    by_block = {block: v for block, v in values.items() if not isinstance(v, Missing)}
    result = Result(
        arm=cells[0].arm,
        phase=phase,
        scenario=None if phase is None else reading.experiment.phase(phase).scenario,
        endpoint=endpoint,
        metric=metric,
        value=None,
        low=None,
        high=None,
        blocks=len(cells),
        reason=None if missing is None else _reason(reading, cells[0].arm, missing),
        by_block=by_block if missing is None else {},
        never_ends=missing is not None and missing.by_law,
        too_few_samples=missing is not None and missing.too_few,
        resolution=max((c.resolution_s for c in cells if c.resolution_s is not None), default=None),
    )
    if missing is not None:
        return result
    if metric.pooled:
        return replace(result, value=next(iter(by_block.values())))
    mean = mean_interval(list(by_block.values()))
    return replace(result, value=mean.mean, low=mean.low, high=mean.high)


def _reason(reading: Reading, arm: str, missing: Missing) -> str:
    law = reading.law(arm)
    if missing.by_law and law is not None:
        return f"{missing.reason}; its law: {law.sentence}"
    return missing.reason


def _values(metric: Metric, endpoint: str | None, cells: list[Cell]) -> dict[int, Value]:
    if metric.pooled:
        cells = [replace(cells[0], lags_s=tuple(lag for c in cells for lag in c.lags_s))]
    return {cell.block: metric.compute(cell, endpoint) for cell in cells}

"""An A/A run cut into experiments: pairs of identical arms that share no arm, five blocks each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analysis.compare import paired
from analysis.metrics import Metric
from analysis.results import Result
from analysis.stats import BLOCKS_FOR_A_VERDICT, Interval
from loadtests.model import Arm, ConfigurationError, Experiment, PhaseKind


@dataclass(frozen=True, slots=True)
class Place:
    """Where a metric is compared; `kind` is the phase's."""

    metric: Metric
    phase: str | None
    kind: PhaseKind | None
    endpoint: str | None

    @property
    def words(self) -> str:
        """`response time p50, latency-1500 · GET /me`."""
        where = " · ".join(part for part in (self.phase, self.endpoint) if part)
        return f"{self.metric.label}, {where}" if where else self.metric.label


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment of five blocks on two arms between which there is no difference."""

    place: Place
    pair: tuple[str, str]
    blocks: tuple[int, ...]
    interval: Interval

    @property
    def misses(self) -> bool:
        """Whether the interval excludes no difference, which is the truth."""
        low, high = self.interval.low, self.interval.high
        return low is not None and high is not None and not low <= 0 <= high


def twins_of(experiment: Experiment) -> tuple[str, ...]:
    """The reference and every arm that differs from it in nothing but its name, in their order.

    Raises ConfigurationError when there is none.
    """
    reference = experiment.arm(experiment.reference)
    twins = [arm.name for arm in experiment.arms if _is_twin(arm, reference)]
    if len(twins) < 2:
        raise ConfigurationError(
            f"{experiment.name}: no arm is a copy of {reference.name}, so nothing is known to be "
            "the same; allowed: a run of an experiment such as aa"
        )
    return tuple(twins)


def disjoint_pairs(twins: Sequence[str]) -> list[tuple[str, str]]:
    """Each arm in one pair at most: pairs that share an arm share its luck."""
    return list(zip(twins[::2], twins[1::2], strict=False))


def places_of(
    experiment: Experiment, results: Sequence[Result], twins: Sequence[str]
) -> Iterator[Place]:
    """Every place in which all of the twins have positive values to compare."""
    kinds = {phase.name: phase.kind for phase in experiment.phases}
    by_place: dict[Place, list[Result]] = {}
    for result in results:
        if result.metric.compared and result.arm in twins:
            kind = kinds.get(result.phase or "")
            place = Place(result.metric, result.phase, kind, result.endpoint)
            by_place.setdefault(place, []).append(result)
    for place, mine in by_place.items():
        values = [value for result in mine for value in result.by_block.values()]
        if len(mine) == len(twins) and all(r.by_block for r in mine) and min(values) > 0:
            yield place


def trials_of(
    results: Sequence[Result], place: Place, pairs: Sequence[tuple[str, str]]
) -> Iterator[Trial]:
    """Consecutive blocks in fives for each pair; a rest of fewer is left out.

    Neither arms nor blocks are shared between two trials of one place, so their intervals miss
    independently of each other; between places they do not.
    """
    wanted = (place.metric, place.phase, place.endpoint)
    here = {r.arm: r for r in results if (r.metric, r.phase, r.endpoint) == wanted}
    for reference, candidate in pairs:
        before, after = here[reference], here[candidate]
        shared = sorted(before.by_block.keys() & after.by_block.keys())
        for first in range(0, len(shared) - BLOCKS_FOR_A_VERDICT + 1, BLOCKS_FOR_A_VERDICT):
            blocks = tuple(shared[first : first + BLOCKS_FOR_A_VERDICT])
            interval = paired(_within(before, blocks), _within(after, blocks))
            if isinstance(interval, Interval):
                yield Trial(place, (reference, candidate), blocks, interval)


def _is_twin(arm: Arm, reference: Arm) -> bool:
    return replace(arm, name=reference.name) == reference


def _within(result: Result, blocks: Sequence[int]) -> Result:
    return replace(result, by_block={block: result.by_block[block] for block in blocks})

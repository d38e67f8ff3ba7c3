"""An A/A run looked at whole: floors, misses, variance components, the simulation, the goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from analysis.aa.components import Components, components_of
from analysis.aa.coverage import Misses, misses_of
from analysis.aa.goals import Goal, goals_of
from analysis.aa.simulation import EXPERIMENTS, Judge, Simulated, simulate
from analysis.aa.slices import logs_of, slices_of
from analysis.aa.twins import Place, Trial, disjoint_pairs, places_of, trials_of, twins_of
from analysis.reading import read
from analysis.report.summary import Summary, summarise
from analysis.stats import BLOCKS_FOR_A_VERDICT, judge, noise_floor
from loadtests.model import ConfigurationError


@dataclass(frozen=True, slots=True)
class Floors:
    """A/A floors of a place, as log ratios: the control's over all blocks, and over experiments of
    five blocks the usual one and the largest."""

    place: Place
    whole: float | None
    median: float
    largest: float


@dataclass(frozen=True, slots=True)
class Trust:
    """What an A/A run says of the verdicts. `left_out`: places whose slices gave no components, so
    nothing was simulated there."""

    summary: Summary
    twins: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    trials: Mapping[Place, tuple[Trial, ...]]
    floors: tuple[Floors, ...]
    misses: tuple[Misses, ...]
    components: Mapping[Place, Components]
    simulated: Mapping[Place, tuple[Simulated, ...]]
    left_out: tuple[Place, ...]
    goals: tuple[Goal, ...]

    @property
    def passed(self) -> bool:
        return all(goal.passed for goal in self.goals)


def trust_of(folder: Path, judge: Judge = judge, experiments: int = EXPERIMENTS) -> Trust:
    """Raises ConfigurationError when `folder` is no run, or none of identical arms over at least
    five blocks."""
    summary = summarise(read(folder))
    experiment, results = summary.reading.experiment, summary.results
    twins = twins_of(experiment)
    pairs = disjoint_pairs(twins)
    found = {
        place: tuple(trials_of(results, place, pairs))
        for place in places_of(experiment, results, twins)
    }
    trials = {place: mine for place, mine in found.items() if mine}
    if not trials:
        raise ConfigurationError(
            f"{folder}: no two copies of one arm share {BLOCKS_FOR_A_VERDICT} blocks; allowed: a "
            "run of an experiment such as aa"
        )
    components = _components(folder, summary, trials, twins)
    simulated = {
        place: tuple(
            simulate(
                of_place,
                place.metric.better,
                judge,
                seed=summary.reading.run.seed + number,
                experiments=experiments,
            )
        )
        for number, (place, of_place) in enumerate(components.items())
    }
    misses = tuple(misses_of(place, mine) for place, mine in trials.items())
    return Trust(
        summary=summary,
        twins=twins,
        pairs=tuple(pairs),
        trials=trials,
        floors=tuple(_floors(summary, place, mine) for place, mine in trials.items()),
        misses=misses,
        components=components,
        simulated=simulated,
        left_out=tuple(place for place in trials if place not in components),
        goals=goals_of(misses, simulated),
    )


def _components(
    folder: Path, summary: Summary, places: Mapping[Place, object], twins: Sequence[str]
) -> dict[Place, Components]:
    slices = slices_of(folder, summary.reading, twins)
    logs = {place: logs_of(slices, place, twins) for place in places}
    return {
        place: components_of(found).at_least(_seen_sd(summary, place, twins))
        for place, found in logs.items()
        if found is not None
    }


def _floors(summary: Summary, place: Place, trials: Sequence[Trial]) -> Floors:
    wanted = (place.metric, place.phase, place.endpoint)
    whole = [f.value for f in summary.floors if (f.metric, f.phase, f.endpoint) == wanted]
    of_five = [noise_floor(trial.interval) or 0.0 for trial in trials]
    return Floors(place, whole[0] if whole else None, median(of_five), max(of_five))


def _seen_sd(summary: Summary, place: Place, twins: Sequence[str]) -> float:
    """Of a block's log ratio, from the values of whole blocks, as comparisons use them."""
    wanted = (place.metric, place.phase, place.endpoint)
    mine = [r for r in summary.results if (r.metric, r.phase, r.endpoint) == wanted]
    by_arm = [result.by_block for result in mine if result.arm in twins]
    blocks = sorted(set.intersection(*(set(values) for values in by_arm)))
    logs = np.log([[[values[block] for values in by_arm]] for block in blocks])
    return components_of(logs).ratio_sd

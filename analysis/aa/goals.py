"""What an A/A run must show before verdicts are trusted, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.aa.coverage import FAMILIES, Misses
from analysis.aa.simulation import Simulated
from analysis.aa.twins import Place
from analysis.units import share

# A run of twenty blocks that is as it should be fails by bad luck once in a few hundred times.
CHANCE_LIMIT = 0.01
COVERAGE_AT_LEAST = 0.93
FALSE_AT_MOST = 0.03


@dataclass(frozen=True, slots=True)
class Goal:
    """What is looked at, what it should be, what it is."""

    what: str
    wanted: str
    measured: str
    passed: bool


def goals_of(
    misses: Sequence[Misses], simulated: Mapping[Place, Sequence[Simulated]]
) -> tuple[Goal, ...]:
    """The run's intervals family by family, then the simulation at its worst place."""
    return (*_measured(misses), *_coverage(simulated), *_false(simulated))


def _measured(misses: Sequence[Misses]) -> Iterator[Goal]:
    wanted = f"p ≥ {CHANCE_LIMIT}"
    by_family = {each.family: each for each in misses}
    for family, (metric, *_) in FAMILIES.items():
        what = f"intervals that miss, {family} ({metric})"
        found = by_family.get(family)
        if found is None:
            yield Goal(what, wanted, "not measured", passed=False)
        elif found.could_tell > CHANCE_LIMIT:
            yield Goal(what, wanted, f"{found.trials} trials: too few to tell", passed=False)
        else:
            said = f"{found.missed} of {found.trials}, p = {found.p:.2g}"
            yield Goal(what, wanted, said, passed=found.p >= CHANCE_LIMIT)


def _coverage(simulated: Mapping[Place, Sequence[Simulated]]) -> Iterator[Goal]:
    wanted = f"≥ {COVERAGE_AT_LEAST:.0%}"
    for noise, blocks, cases in _by_case(simulated):
        place, worst = min(cases, key=lambda case: case[1].covered)
        said = f"{worst.covered:.1%} ({place.words})"
        what = f"coverage of the 95% intervals, {blocks} blocks, {noise} noise"
        yield Goal(what, wanted, said, passed=worst.covered >= COVERAGE_AT_LEAST)


def _false(simulated: Mapping[Place, Sequence[Simulated]]) -> Iterator[Goal]:
    wanted = f"≤ {FALSE_AT_MOST:.0%}"
    for noise, blocks, cases in _by_case(simulated):
        place, worst = max(cases, key=lambda case: case[1].false)
        said = f"{share(worst.false)} ({place.words})"
        what = f"false faster or slower, {blocks} blocks, {noise} noise"
        yield Goal(what, wanted, said, passed=worst.false <= FALSE_AT_MOST)


def _by_case(
    simulated: Mapping[Place, Sequence[Simulated]],
) -> Iterator[tuple[str, int, list[tuple[Place, Simulated]]]]:
    cases: dict[tuple[str, int], list[tuple[Place, Simulated]]] = {}
    for place, of_place in simulated.items():
        for each in of_place:
            cases.setdefault((each.noise, each.blocks), []).append((place, each))
    for (noise, blocks), mine in cases.items():
        yield noise, blocks, mine

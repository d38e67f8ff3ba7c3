"""Arm against arm: ratios paired by block, judged against what two copies of one arm differ by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from analysis.metrics import Metric
from analysis.outlook import Outlook, outlook_of
from analysis.results import Result
from analysis.stats import Interval, Judgement, judge, log_ratio_interval, noise_floor
from loadtests.model import CONTROL_SUFFIX, Experiment

Place = tuple[str | None, str | None, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of summary.json's `comparisons`: candidate ÷ reference, with its 95% interval.

    `ratio` is None where there is none to take, and `reason` says why a verdict is inconclusive
    and what more blocks would make of it; `outlook` holds that as numbers.
    """

    phase: str | None
    scenario: str | None
    endpoint: str | None
    metric: Metric
    reference: str
    candidate: str
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str | None
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class Floor:
    """A row of `aa_floor`: the largest |ln ratio| that the A/A control leaves possible, or None
    when it could not be had. `control` is the interval of that log ratio."""

    phase: str | None
    endpoint: str | None
    metric: Metric
    value: float | None
    control: Interval | None = None


def floors_of(results: Sequence[Result]) -> Iterator[Floor]:
    """A floor for every place in which an arm and its control both have a result."""
    by_arm = {(_place(result), result.arm): result for result in results}
    for (place, arm), control in by_arm.items():
        original = by_arm.get((place, arm.removesuffix(CONTROL_SUFFIX)))
        if arm.endswith(CONTROL_SUFFIX) and original is not None and control.metric.compared:
            yield _floor(original, control)


def comparisons_of(
    experiment: Experiment, results: Sequence[Result], floors: Iterable[Floor]
) -> Iterator[Comparison]:
    """Every pair of arms in every place that both have; the reference arm comes first in its."""
    floor_at = {(floor.phase, floor.endpoint, floor.metric.name): floor for floor in floors}
    places: dict[Place, dict[str, Result]] = {}
    for result in results:
        if result.metric.compared:
            places.setdefault(_place(result), {})[result.arm] = result
    for place, by_arm in places.items():
        for reference, candidate in pairs(experiment):
            if reference in by_arm and candidate in by_arm:
                yield _compare(by_arm[reference], by_arm[candidate], floor_at.get(place))


def pairs(experiment: Experiment) -> list[tuple[str, str]]:
    """Unordered pairs of the arms that are no control, the reference first where it takes part."""
    names = [arm.name for arm in experiment.arms if not arm.is_control]
    names.sort(key=lambda name: name != experiment.reference)
    return list(combinations(names, 2))


def with_outlook(judgement: Judgement, outlook: Outlook) -> Judgement:
    """An inconclusive verdict's reason goes on to say what would settle it."""
    if judgement.verdict != "inconclusive" or outlook.words is None:
        return judgement
    return replace(judgement, reason=f"{judgement.reason}; {outlook.words}")


def _floor(original: Result, control: Result) -> Floor:
    interval = paired(original, control)
    if isinstance(interval, str):
        return Floor(control.phase, control.endpoint, control.metric, None)
    value = noise_floor(interval)
    return Floor(control.phase, control.endpoint, control.metric, value, interval)


def _compare(reference: Result, candidate: Result, floor: Floor | None) -> Comparison:
    interval = paired(reference, candidate)
    ratio, outlook = None, Outlook()
    if isinstance(interval, str):
        judgement = Judgement("inconclusive", interval)
    else:
        ratio, better = interval.exp(), reference.metric.better
        value, control = (None, None) if floor is None else (floor.value, floor.control)
        outlook = outlook_of(interval, value, better, control)
        judgement = with_outlook(judge(interval, value, better), outlook)
    return Comparison(
        phase=reference.phase,
        scenario=reference.scenario,
        endpoint=reference.endpoint,
        metric=reference.metric,
        reference=reference.arm,
        candidate=candidate.arm,
        ratio=None if ratio is None else ratio.mean,
        low=None if ratio is None else ratio.low,
        high=None if ratio is None else ratio.high,
        verdict=judgement.verdict,
        reason=judgement.reason,
        outlook=outlook,
    )


def paired(reference: Result, candidate: Result) -> Interval | str:
    """The log-ratio interval over the blocks both have, or why there is none."""
    for result in (reference, candidate):
        if (why := without_size(result)) is not None:
            return f"{result.arm}: {why}"
    blocks = sorted(reference.by_block.keys() & candidate.by_block.keys())
    if not blocks:
        return "the two arms share no block"
    before = [reference.by_block[block] for block in blocks]
    after = [candidate.by_block[block] for block in blocks]
    if min(*before, *after) <= 0:
        return "a value of zero has no ratio"
    return log_ratio_interval(before, after)


def without_size(result: Result) -> str | None:
    """Why a result can be no part of a ratio; None where it can."""
    if result.value is None:
        return result.reason
    if result.resolution is not None and result.value <= result.resolution:
        return "no longer than the spacing of the probes, so of unknown size"
    return None


def _place(result: Result) -> Place:
    return result.phase, result.endpoint, result.metric.name

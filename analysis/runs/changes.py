"""What changed from run A to run B, arm by arm: B ÷ A for every compared metric and place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.compare import Floor, with_outlook, without_size
from analysis.outlook import Outlook, outlook_of
from analysis.report.summary import Summary
from analysis.results import Result
from analysis.runs.differences import Difference, differences_of
from analysis.runs.welch import unpaired_log_ratio
from analysis.stats import Interval, judge

Place = tuple[str | None, str | None, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One arm's metric in one place: `ratio` is B ÷ A with its 95% interval, None where there is
    none to take; `floor` the larger of the two runs' A/A floors (a log ratio); `outlook` counts
    more blocks in either run."""

    before: Result
    after: Result
    ratio: Interval | None
    floor: float | None
    verdict: str
    reason: str | None
    outlook: Outlook


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Run B against run A. `differences` are there only where comparing was forced; `only_in_a`
    and `only_in_b` name the arms that have no partner."""

    before: Summary
    after: Summary
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]


def compare_runs(before: Summary, after: Summary) -> RunComparison:
    arms = [[arm.name for arm in each.reading.experiment.arms] for each in (before, after)]
    return RunComparison(
        before=before,
        after=after,
        differences=differences_of(before.reading.run, after.reading.run),
        changes=tuple(changes_of(before, after)),
        only_in_a=tuple(name for name in arms[0] if name not in arms[1]),
        only_in_b=tuple(name for name in arms[1] if name not in arms[0]),
    )


def changes_of(before: Summary, after: Summary) -> Iterator[Change]:
    """Every place in which both runs have a result, arms as planned."""
    floors = _larger(_by_place(before.floors), _by_place(after.floors))
    partners = {(r.arm, _place(r)): r for r in after.results}
    for arm in before.reading.experiment.arms:
        for result in before.results:
            partner = partners.get((arm.name, _place(result)))
            if result.arm == arm.name and result.metric.compared and partner is not None:
                yield _change(result, partner, floors.get(_place(result)))


def _change(before: Result, after: Result, floor: Floor | None) -> Change:
    interval, better = _unpaired(before, after), before.metric.better
    value, control = (None, None) if floor is None else (floor.value, floor.control)
    if isinstance(interval, str):
        return Change(before, after, None, value, "inconclusive", interval, Outlook())
    outlook = outlook_of(interval, value, better, control)
    said = with_outlook(judge(interval, value, better), outlook)
    return Change(before, after, interval.exp(), value, said.verdict, said.reason, outlook)


def _unpaired(before: Result, after: Result) -> Interval | str:
    """The log-ratio interval, or why there is none."""
    for run, result in (("A", before), ("B", after)):
        if (why := without_size(result)) is not None:
            return f"in {run}: {why}"
    reference, candidate = list(before.by_block.values()), list(after.by_block.values())
    if min(*reference, *candidate) <= 0:
        return "a value of zero has no ratio"
    return unpaired_log_ratio(reference, candidate)


def _by_place(floors: Sequence[Floor]) -> dict[Place, Floor]:
    return {
        (floor.phase, floor.endpoint, floor.metric.name): floor
        for floor in floors
        if floor.value is not None
    }


def _larger(one: Mapping[Place, Floor], other: Mapping[Place, Floor]) -> dict[Place, Floor]:
    return {
        place: max(
            (floors[place] for floors in (one, other) if place in floors),
            key=lambda floor: floor.value or 0.0,
        )
        for place in (*one, *other)
    }


def _place(result: Result) -> Place:
    return result.phase, result.endpoint, result.metric.name

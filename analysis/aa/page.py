"""An A/A run's outcome as Markdown, and its goals as lines for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from analysis.aa import chart
from analysis.aa.components import Components
from analysis.aa.goals import Goal
from analysis.aa.simulation import BLOCKS, Simulated
from analysis.aa.trust import Trust
from analysis.report import CHARTS_FOLDER
from analysis.report.markdown import bullets, table_lines
from analysis.report.tables import NOTHING, Table
from analysis.stats import BLOCKS_FOR_A_VERDICT, percent_within
from analysis.units import share

_GOALS = ("goal", "wanted", "measured", "passed")


def as_markdown(trust: Trust) -> str:
    return "\n".join(_lines(trust)) + "\n"


def goal_lines(goals: Sequence[Goal]) -> Iterator[str]:
    """A table in columns, its heading first."""
    rows = [_GOALS, *map(_goal_row, goals)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_GOALS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def conclusion(trust: Trust) -> str:
    if trust.summary.verdict == "INVALID":
        return "The run is INVALID, so it proves nothing, whatever stands below."
    failed = sum(not goal.passed for goal in trust.goals)
    if failed:
        return f"{failed} of {len(trust.goals)} goals FAILED: do not trust verdicts."
    return f"All {len(trust.goals)} goals are met: verdicts say what they claim."


def _lines(trust: Trust) -> Iterator[str]:
    yield from ("# authbench: can the verdicts be trusted?", "")
    yield from (f"**{trust.summary.verdict}**: {conclusion(trust)}", "")
    blocks = trust.summary.reading.frame["block"].nunique()
    yield (
        f"{len(trust.twins)} copies of one arm over {blocks} blocks: {', '.join(trust.twins)}. "
        f"Pairs that share no arm: {', '.join(' and '.join(pair) for pair in trust.pairs)}; with "
        f"their blocks in groups of {BLOCKS_FOR_A_VERDICT} each is an experiment of its own."
    )
    yield ""
    yield from table_lines(_goals(trust))
    yield from (f"![{chart.TITLE}]({CHARTS_FOLDER}/{chart.NAME}.svg)", "", chart.CAPTION, "")
    for table in (_floors(trust), _misses(trust), _components(trust), _simulated(trust)):
        yield from table_lines(table)
    yield from bullets(f"Not simulated, for want of slices: {p.words}." for p in trust.left_out)


def _goals(trust: Trust) -> Table:
    return Table("Goals", _GOALS, tuple(map(_goal_row, trust.goals)))


def _goal_row(goal: Goal) -> tuple[str, ...]:
    return goal.what, goal.wanted, goal.measured, "pass" if goal.passed else "FAIL"


def _floors(trust: Trust) -> Table:
    rows = tuple(
        (each.place.words, _within(each.whole), _within(each.median), _within(each.largest))
        for each in trust.floors
    )
    columns = ("where", "control, all blocks", "five blocks, median", "five blocks, largest")
    return Table("A/A floors", columns, rows)


def _within(log_bound: float | None) -> str:
    return NOTHING if log_bound is None else f"± {percent_within(log_bound)}%"


def _misses(trust: Trust) -> Table:
    rows = tuple(
        (
            each.place.words,
            each.family or NOTHING,
            f"{each.missed} of {each.trials}",
            f"{each.p:.2g}",
        )
        for each in trust.misses
    )
    notes = (
        "p: the probability of as many misses or more where 5% of the intervals miss (one-sided "
        "binomial test: too few misses claim nothing false). Trials of one row share neither an "
        "arm nor a block; rows are not independent, so one a family is judged.",
    )
    columns = ("where", "family", "intervals that exclude 1", "p")
    return Table("Intervals of five blocks that miss", columns, rows, notes)


def _components(trust: Trust) -> Table:
    rows = tuple((place.words, *_parts(parts)) for place, parts in trust.components.items())
    notes = (
        "Standard deviations of the logarithm, from the analysis of variance of rounds nested in "
        "blocks and crossed with arms (Searle, Casella & McCulloch, Variance Components, 1992). "
        "Blocks and rounds are shared by the arms and cancel in a ratio; an arm's start in a block "
        "and its slices do not, and make the last column.",
    )
    columns = ("where", "block", "round", "arm in a block", "slice", "a block's ratio")
    return Table("What varies", columns, rows, notes)


def _parts(parts: Components) -> Iterator[str]:
    for variance in (parts.block, parts.round, parts.arm_block, parts.slice):
        yield share(math.sqrt(variance))
    yield share(parts.ratio_sd)


def _simulated(trust: Trust) -> Table:
    rows = tuple(
        (place.words, noise, *_shares(each for each in of_place if each.noise == noise))
        for place, of_place in trust.simulated.items()
        for noise in dict.fromkeys(each.noise for each in of_place)
    )
    counts = ", ".join(map(str, BLOCKS))
    columns = ("where", "noise", f"coverage ({counts} blocks)", "false verdicts", "seen from")
    experiments = max((e.experiments for of in trust.simulated.values() for e in of), default=0)
    notes = (
        f"{experiments:,} experiments each, drawn from the components above without any difference "
        "between the arms, and judged as real ones are: coverage of the 95% intervals, and the "
        "share called faster or slower. Seen from: the true difference that four of five "
        "experiments call. Heavy-tailed noise is Student's t with 4 degrees of freedom.",
    )
    return Table("Simulated experiments", columns, rows, notes)


def _shares(cases: Iterable[Simulated]) -> Iterator[str]:
    found = list(cases)
    yield ", ".join(f"{each.covered:.1%}" for each in found)
    yield ", ".join(share(each.false) for each in found)
    yield ", ".join(_seen_from(each) for each in found)


def _seen_from(simulated: Simulated) -> str:
    return NOTHING if simulated.detectable is None else share(simulated.detectable - 1)

"""The tables of comparisons: one a pair of arms, or with many arms one a metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analysis.compare import Comparison, pairs
from analysis.outlook import Outlook
from analysis.report.numbers_tables import of_endpoint
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.stats import percent_within
from analysis.units import number, share

# More arms have more pairs than anybody reads: seven have 21.
MOST_ARMS_IN_PAIRS = 6
_COLUMNS = ("ratio", "95% interval", "A/A floor", "shows from", "verdict")

_Floors = dict[tuple[str | None, str | None, str], float | None]


def comparison_tables(summary: Summary) -> Iterator[Table]:
    """Every pair of arms, the headline's first; among many arms only those with the reference."""
    floors = {(f.phase, f.endpoint, f.metric.name): f.value for f in summary.floors}
    arms = [arm for arm in summary.reading.experiment.arms if not arm.is_control]
    if len(arms) > MOST_ARMS_IN_PAIRS:
        yield from _tables_by_metric(summary, floors)
    else:
        yield from _tables_by_pair(summary, floors)


def _tables_by_pair(summary: Summary, floors: _Floors) -> Iterator[Table]:
    """The pairs without the reference are folded."""
    experiment = summary.reading.experiment
    headline = experiment.headline_pair()
    for pair in sorted(pairs(experiment), key=lambda pair: pair != headline):
        mine = [c for c in summary.comparisons if (c.reference, c.candidate) == pair]
        rows = tuple(
            (c.metric.label, _where(c), *_cells(c, floors)) for c in mine if c.ratio is not None
        )
        if rows:
            yield Table(
                caption=f"{pair[1]} ÷ {pair[0]}",
                columns=("metric", "where", *_COLUMNS),
                rows=rows,
                notes=tuple(_not_compared(mine)),
                folded=pair[0] != experiment.reference,
            )


def _tables_by_metric(summary: Summary, floors: _Floors) -> Iterator[Table]:
    """Every arm against the reference; summary.json holds the other pairs too."""
    reference = summary.reading.experiment.reference
    by_caption: dict[str, list[Comparison]] = {}
    for comparison in summary.comparisons:
        if comparison.reference == reference:
            caption = f"{comparison.metric.label} ÷ that of {reference}, {_where(comparison)}"
            by_caption.setdefault(caption, []).append(comparison)
    for caption, mine in by_caption.items():
        rows = tuple((c.candidate, *_cells(c, floors)) for c in mine if c.ratio is not None)
        if rows:
            yield Table(
                caption=caption,
                columns=("arm", *_COLUMNS),
                rows=rows,
                notes=tuple(_arms_not_compared(mine)),
            )


def _cells(comparison: Comparison, floors: _Floors) -> tuple[str, ...]:
    """Ratio, interval, floor, smallest difference that would show, verdict."""
    place = (comparison.phase, comparison.endpoint, comparison.metric.name)
    floor = floors.get(place)
    return (
        _ratio(comparison.ratio),
        NOTHING
        if comparison.low is None
        else f"{_ratio(comparison.low)}–{_ratio(comparison.high)}",
        NOTHING if floor is None else f"± {percent_within(floor)}%",
        effect_text(comparison.outlook),
        verdict_text(comparison.verdict, comparison.outlook),
    )


def effect_text(outlook: Outlook) -> str:
    """The smallest difference that would have been called faster or slower: `4.1%`."""
    effect = outlook.minimum_detectable_effect
    return NOTHING if effect is None else share(effect)


def verdict_text(verdict: str, outlook: Outlook) -> str:
    """`inconclusive: about 7 more blocks would settle it`, on two lines where there are any."""
    return f"{verdict}:\n{outlook.words}" if outlook.words else verdict


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return NOTHING
    return f"{ratio:.3f}" if ratio < 100 else number(ratio)


def _not_compared(comparisons: Iterable[Comparison]) -> Iterator[str]:
    labels: dict[str, dict[str, None]] = {}
    for comparison in comparisons:
        if comparison.ratio is None:
            labels.setdefault(comparison.reason or "", {})[comparison.metric.label] = None
    for reason, missing in labels.items():
        yield f"Not compared, {reason}: {', '.join(missing)}."


def _arms_not_compared(comparisons: Iterable[Comparison]) -> Iterator[str]:
    arms: dict[str, list[str]] = {}
    for comparison in comparisons:
        if comparison.ratio is None:
            arms.setdefault(comparison.reason or "", []).append(comparison.candidate)
    for reason, whose in arms.items():
        yield f"Not compared, {reason}: {', '.join(whose)}."


def _where(comparison: Comparison) -> str:
    return f"{comparison.phase or 'every phase'}{of_endpoint(comparison.endpoint)}"

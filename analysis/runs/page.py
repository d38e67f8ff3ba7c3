"""A comparison of two runs as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from analysis.report.comparison_tables import effect_text, verdict_text
from analysis.report.markdown import bullets, table_lines
from analysis.report.numbers_tables import of_endpoint, value_text
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.runs.changes import Change, RunComparison
from analysis.stats import percent_within
from analysis.units import number

METHOD = (
    "The runs were measured in different minutes, so their blocks are not paired: an interval is "
    "Welch's, between the logarithms of the block values of either run. What the machine itself "
    "changed from one run to the other stands in every ratio, and no interval and no A/A floor "
    "knows of it: where an arm moved whose code did not change (`none`, mostly), the machine did.",
    "Faster means that B is better by the metric's direction, for sizes too; the floor is the "
    "larger of the two runs' A/A floors. Each interval is at 95% by itself: of twenty comparisons "
    "that differ in nothing, expect one to miss.",
)
_COLUMNS = (
    "metric", "where", "A", "B", "B ÷ A", "95% interval", "A/A floor", "shows from", "verdict",
)  # fmt: skip


def as_markdown(comparison: RunComparison, before: Path, after: Path) -> str:
    return "\n".join(_lines(comparison, before, after)) + "\n"


def warnings_of(comparison: RunComparison) -> tuple[str, ...]:
    """What stands above everything: runs that are INVALID, and differences that were overruled."""
    return (
        *_invalid("A", comparison.before),
        *_invalid("B", comparison.after),
        *(f"Not the same in both runs: {each}" for each in comparison.differences),
    )


def counted(comparison: RunComparison) -> str:
    """`Of 84 comparisons: 3 faster, 1 slower, 40 same, 40 inconclusive.`"""
    # `same within x%` by its first word.
    counts = Counter(change.verdict.partition(" ")[0] for change in comparison.changes)
    kinds = ", ".join(
        f"{counts[kind]} {kind}" for kind in ("faster", "slower", "same", "inconclusive")
    )
    return f"Of {len(comparison.changes)} comparisons: {kinds}."


def _lines(comparison: RunComparison, before: Path, after: Path) -> Iterator[str]:
    yield from ("# authbench: run B against run A", "")
    yield from bullets(f"**{warning}**" for warning in warnings_of(comparison))
    yield from bullets(
        (_run_line("A", before, comparison.before), _run_line("B", after, comparison.after))
    )
    yield from ("", counted(comparison), "")
    for paragraph in METHOD:
        yield from (paragraph, "")
    for table in _tables(comparison):
        yield from table_lines(table)
    yield from bullets(_alone(comparison))


def _invalid(name: str, summary: Summary) -> Iterator[str]:
    broken = [finding for finding in summary.findings if finding.severity == "invalid"]
    if broken:
        names = ", ".join(dict.fromkeys(finding.name for finding in broken))
        yield f"{name} is INVALID ({names}), so quote no ratio below: {broken[0].message}"


def _run_line(name: str, folder: Path, summary: Summary) -> str:
    run = summary.reading.run
    blocks = summary.reading.frame["block"].nunique()
    commit = f"commit {run.git_commit[:12]}" if run.git_commit else "no commit"
    # The + says that files differed from the commit.
    commit += "+" if (run.git_commit or "").endswith("+") else ""
    return (
        f"{name}: `{folder}`: {summary.verdict}, {run.experiment.name}, {blocks} blocks, "
        f"started {run.started_at}, {commit}"
    )


def _tables(comparison: RunComparison) -> Iterator[Table]:
    for arm in dict.fromkeys(change.before.arm for change in comparison.changes):
        mine = [change for change in comparison.changes if change.before.arm == arm]
        rows = tuple(_row(change) for change in mine if change.ratio is not None)
        yield Table(f"{arm}: B ÷ A", _COLUMNS, rows, tuple(_not_compared(mine)))


def _row(change: Change) -> tuple[str, ...]:
    before, ratio = change.before, change.ratio
    low, high = (None, None) if ratio is None else (ratio.low, ratio.high)
    return (
        f"{before.metric.label} ({before.metric.unit})",
        f"{before.phase or 'every phase'}{of_endpoint(before.endpoint)}",
        value_text(before),
        value_text(change.after),
        NOTHING if ratio is None else _ratio(ratio.mean),
        NOTHING if low is None or high is None else f"{_ratio(low)}–{_ratio(high)}",
        NOTHING if change.floor is None else f"± {percent_within(change.floor)}%",
        effect_text(change.outlook),
        verdict_text(change.verdict, change.outlook),
    )


def _ratio(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 100 else number(ratio)


def _not_compared(changes: list[Change]) -> Iterator[str]:
    labels: dict[str, dict[str, None]] = {}
    for change in changes:
        if change.ratio is None:
            labels.setdefault(change.reason or "", {})[change.before.metric.label] = None
    for reason, missing in labels.items():
        yield f"Not compared, {reason}: {', '.join(missing)}."


def _alone(comparison: RunComparison) -> Iterator[str]:
    for name, arms in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if arms:
            yield f"Only in {name}, so not compared: {', '.join(arms)}."

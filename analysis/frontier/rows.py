"""The frontier for machines: summary.json's `frontier`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.compare import Comparison
from analysis.frontier.choice import candidates_of
from analysis.frontier.points import Frontier, NoFrontierError, Point, frontier_of
from analysis.reading import Reading
from analysis.results import Result


def frontier_rows(
    reading: Reading, results: Sequence[Result], comparisons: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """A row an arm, the fields as in docs/results-format.md; empty where there is no frontier."""
    try:
        found = frontier_of(reading, results)
    except NoFrontierError:
        return []
    ties = {c.arm: c.ties for c in candidates_of(found, comparisons)}
    return [_row(point, found, ties[point.arm]) for point in found.points]


def _row(point: Point, found: Frontier, ties: Sequence[str]) -> dict[str, Any]:
    has_floor = found.tails is not None and found.tails.floor is not None
    added = point.added if has_floor else None
    return {
        "arm": point.arm,
        "lag_s": point.lag.seconds,
        "lag_kind": point.lag.kind,
        "lag_statistic": point.lag.statistic,
        "lag_trials": point.lag.trials,
        "law_s": point.lag.law_s,
        "law_broken": point.lag.broken,
        "requests_per_core_second": point.rate.value,
        "low": point.rate.low,
        "high": point.rate.high,
        "same_cost_as": list(ties),
        "on_front": point.arm in found.cheapest,
        "added_p99_ms": None if added is None else added.mean,
        "added_p99_low_ms": None if added is None else added.low,
        "added_p99_high_ms": None if added is None else added.high,
        "needs_store": point.needs_store,
        "store_down": point.facts.law.down,
        "key_kind": point.facts.key_kind,
    }

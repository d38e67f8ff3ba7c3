"""Findings about a phase in which the cost of a request did not stay what it was. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from loadtests.checks.rules import TREND
from loadtests.intervals import t_interval
from loadtests.model import Finding, Phase, SliceRecord
from loadtests.saturation import slope

# A run looks at dozens of arms and phases; at 95% one in twenty would have a trend by chance.
CONFIDENCE = 0.99
# Less is below what comparisons tell apart, and interleaving spreads it over all arms.
CHANGE_LIMIT = math.log(1.05)
ROUNDS_FOR_A_TREND = 2
BLOCKS_FOR_A_TREND = 3


def trend_findings(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    """CPU of servers and store a request, its logarithm against the round, one line fitted a
    block; a finding when the lines' change over the phase is beyond 5% and no accident."""
    changes = [change for change in _changes(slices) if change is not None]
    percent = percent_beyond(changes, CHANGE_LIMIT)
    if percent is None:
        return []
    return [TREND.found(arm, phase.name, f"{percent} from first to last round")]


def percent_beyond(
    changes: Sequence[float], limit: float, confidence: float = CONFIDENCE
) -> str | None:
    """The mean of log ratios, one a block, as `+7%`; None where it is within ± `limit`, may be an
    accident, or comes from fewer blocks than tell."""
    if len(changes) < BLOCKS_FOR_A_TREND:
        return None
    change = t_interval(changes, confidence)
    if abs(change.middle) <= max(limit, change.half_width):
        return None
    return f"{math.expm1(change.middle):+.0%}"


def _changes(slices: Sequence[SliceRecord]) -> list[float | None]:
    """By block, the fitted change of ln(cost) from its first round to its last."""
    by_block: dict[int, list[SliceRecord]] = defaultdict(list)
    for record in slices:
        by_block[record.block].append(record)
    return [_change(of_block) for of_block in by_block.values()]


def _change(slices: Sequence[SliceRecord]) -> float | None:
    costs = {record.round: _cost_s(record) for record in slices}
    known = {number: cost for number, cost in costs.items() if cost}
    if len(known) < ROUNDS_FOR_A_TREND:
        return None
    rounds = [float(number) for number in known]
    steps = max(rounds) - min(rounds)
    return steps * slope(rounds, [math.log(cost) for cost in known.values()])


def _cost_s(record: SliceRecord) -> float | None:
    server_s, store_s = record.cpu_s.server, record.cpu_s.store
    if server_s is None or store_s is None or not record.completed:
        return None
    return (server_s + store_s) / record.completed

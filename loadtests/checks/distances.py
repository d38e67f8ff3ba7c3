"""Findings about distances to the store: what was added, and what it must not change. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from loadtests.checks.rules import COST_MOVES, PROXY_LATE
from loadtests.checks.trend import percent_beyond
from loadtests.model import Experiment, Finding, Phase, SliceRecord

# As much as the generator itself may be late; above it tails at a distance are the proxy's.
PROXY_LATE_LIMIT_S = 0.001
# Waiting takes no CPU. What servers do once more for each wait (a turn of their event loop) is
# below this; what is above it is no longer distance alone.
COST_LIMIT = math.log(1.1)
# That of the intervals in the report beside it.
COST_CONFIDENCE = 0.95
# The further the store, the more look-ups share a round trip: their cost falls by design.
COALESCING = frozenset({"session_redis_batched"})


def distance_findings(
    experiment: Experiment, arm: str, by_phase: Mapping[str, Sequence[SliceRecord]]
) -> list[Finding]:
    """Everything to say about one arm in the phases of an experiment that have a distance."""
    phases = [phase for phase in experiment.phases if phase.store_delay_s is not None]
    found = [finding for p in phases for finding in _late(p, arm, by_phase.get(p.name, ()))]
    if experiment.arm(arm).strategy not in COALESCING:
        found += _moves(phases, arm, by_phase)
    return found


def _late(phase: Phase, arm: str, slices: Sequence[SliceRecord]) -> list[Finding]:
    beyond_s = [
        record.added_delay.p99_s - record.added_delay.asked_s
        for record in slices
        if record.added_delay is not None and record.added_delay.p99_s is not None
    ]
    if phase.kind != "latency" or not beyond_s or median(beyond_s) <= PROXY_LATE_LIMIT_S:
        return []
    detail = f"p99 {median(beyond_s) * 1e3:.2f} ms beyond what was asked, median of slices"
    return [PROXY_LATE.found(arm, phase.name, detail)]


def _moves(
    phases: Sequence[Phase], arm: str, by_phase: Mapping[str, Sequence[SliceRecord]]
) -> list[Finding]:
    """Only at one and the same rate: the users of a closed loop ask less often from afar, and
    servers that have less to do spend more on each request."""
    moves = []
    for nearest, further in _pairs([phase for phase in phases if phase.kind == "latency"]):
        near, far = (_costs_s(by_phase.get(phase.name, ())) for phase in (nearest, further))
        changes = [math.log(far[block] / near[block]) for block in near if block in far]
        percent = percent_beyond(changes, COST_LIMIT, COST_CONFIDENCE)
        if percent is not None:
            moves.append(f"{percent} in {further.name}, against {nearest.name}")
    return [COST_MOVES.found(arm, None, "; ".join(moves))] if moves else []


def _pairs(phases: Sequence[Phase]) -> Iterator[tuple[Phase, Phase]]:
    """Of phases alike but for the distance: the nearest, with each of the others."""
    alike: dict[object, list[Phase]] = defaultdict(list)
    for phase in phases:
        alike[phase.scenario, phase.load].append(phase)
    for group in alike.values():
        nearest, *others = sorted(group, key=lambda phase: phase.store_delay_s or 0.0)
        yield from ((nearest, other) for other in others)


def _costs_s(slices: Sequence[SliceRecord]) -> dict[int, float]:
    """By block, CPU of servers and store a request; blocks without are left out."""
    by_block: dict[int, list[SliceRecord]] = defaultdict(list)
    for record in slices:
        by_block[record.block].append(record)
    costs = {block: _cost_s(of_block) for block, of_block in by_block.items()}
    return {block: cost for block, cost in costs.items() if cost}


def _cost_s(slices: Sequence[SliceRecord]) -> float | None:
    completed = sum(record.completed for record in slices)
    clocks = [clock for each in slices for clock in (each.cpu_s.server, each.cpu_s.store)]
    known = [clock for clock in clocks if clock is not None]
    if not completed or len(known) < len(clocks):
        return None
    return math.fsum(known) / completed

"""Findings about searches: judged where their result comes from, not beyond it. Pure.

Most probes of an `slo` phase saturate the servers on purpose. What counts is that the rates that
held were free of errors, and that the generator was not the limit at either end of a bracket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from loadtests.checks.measures import error_rate, generator_busy, meets, merged
from loadtests.checks.phases import (
    DISPATCH_LAG_P99_LIMIT_NS,
    ERROR_RATE_LIMIT,
    GENERATOR_BUSY_LIMIT,
)
from loadtests.checks.rules import DISPATCH_LAG, ERRORS, GENERATOR_SATURATED, SEARCH_UNFINISHED
from loadtests.model import Finding, Phase, SliceRecord
from loadtests.search import Answer, Bracket, Search


def search_findings(phase: Phase, arm: str, probes: Sequence[SliceRecord]) -> list[Finding]:
    """Everything to say about one arm's searches in one phase, a search a block."""
    if phase.search is None:
        return []
    held: list[SliceRecord] = []
    ends: list[SliceRecord] = []
    unfinished: list[str] = []
    for block, of_block in _by_block(probes).items():
        answers = answers_of(of_block, phase.search)
        bracket = phase.search.bracket(answers)
        held += [probe for probe in of_block if probe.load.rate_rps == bracket.held_rps]
        ends += [probe for probe in of_block if probe.load.rate_rps in _ends(bracket)]
        if not (phase.search.is_narrow(bracket) and phase.search.has_ended(answers)):
            unfinished.append(f"block {block} {_between(bracket)}")
    return [
        *_held_findings(phase, arm, held),
        *_limit_findings(phase, arm, ends),
        *([SEARCH_UNFINISHED.found(arm, phase.name, "; ".join(unfinished))] if unfinished else []),
    ]


def answers_of(probes: Iterable[SliceRecord], search: Search) -> list[Answer]:
    """What a search's probes told, each judged by what it recorded."""
    return [Answer(probe.load.rate_rps or 0.0, meets(probe, search)) for probe in probes]


def _by_block(probes: Iterable[SliceRecord]) -> dict[int, list[SliceRecord]]:
    blocks: dict[int, list[SliceRecord]] = defaultdict(list)
    for probe in probes:
        blocks[probe.block].append(probe)
    return blocks


def _ends(bracket: Bracket) -> set[float]:
    return {rate for rate in (bracket.held_rps, bracket.missed_rps) if rate is not None}


def _between(bracket: Bracket) -> str:
    if bracket.held_rps is None:
        return f"missed at every rate, down to {bracket.missed_rps or 0:,.0f} req/s"
    if bracket.missed_rps is None:
        return f"held at every rate, up to {bracket.held_rps:,.0f} req/s"
    return f"between {bracket.held_rps:,.0f} and {bracket.missed_rps:,.0f} req/s"


def _held_findings(phase: Phase, arm: str, held: Sequence[SliceRecord]) -> list[Finding]:
    found = []
    rate = error_rate(held)
    if rate > ERROR_RATE_LIMIT:
        found.append(ERRORS.found(arm, phase.name, f"{rate:.2%} at the rates found"))
    lag_ns = merged(probe.dispatch_lag for probe in held).quantile_ns(0.99)
    if lag_ns is not None and lag_ns > DISPATCH_LAG_P99_LIMIT_NS:
        detail = f"p99 of sent − due {lag_ns / 1e6:.2f} ms at the rates found"
        found.append(DISPATCH_LAG.found(arm, phase.name, detail))
    return found


def _limit_findings(phase: Phase, arm: str, ends: Sequence[SliceRecord]) -> list[Finding]:
    """A generator short of CPU at either end found its own limit, not the servers'."""
    busy = generator_busy(ends) if ends else 0.0
    if busy < GENERATOR_BUSY_LIMIT:
        return []
    detail = f"{busy:.0%} of a core at the rates found"
    return [GENERATOR_SATURATED.found(arm, phase.name, detail)]

"""What an arm adds to the tail of the response time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.compare import paired
from analysis.results import Result
from analysis.stats import Interval, t_interval
from analysis.units import number
from loadtests.model import COST_FLOOR, Experiment

# What the latency phases' scenario asks for most.
_BROWSED = "GET /me"


@dataclass(frozen=True, slots=True)
class Tails:
    """p99 of every arm at the highest rate, and what it is measured from.

    `floor` is the arm that checks nothing, from which differences in ms count; None where the run
    has none: then ratios to `reference` stand in their place.
    """

    phase: str
    endpoint: str
    by_arm: Mapping[str, Result]
    floor: str | None
    reference: str

    def added(self, arm: str) -> Interval | None:
        """p99 − that of the floor in ms, or ÷ that of the reference: paired by block."""
        other = self.by_arm.get(self.floor or self.reference)
        mine = self.by_arm.get(arm)
        if other is None or mine is None or mine.value is None or other.value is None:
            return None
        if mine is other:
            return Interval(0.0 if self.floor else 1.0, None, None, mine.blocks)
        if self.floor is None:
            ratio = paired(other, mine)
            return None if isinstance(ratio, str) else ratio.exp()
        blocks = sorted(mine.by_block.keys() & other.by_block.keys())
        differences = [mine.by_block[block] - other.by_block[block] for block in blocks]
        return t_interval(differences) if differences else None

    def said(self, added: Interval) -> str:
        """`+0.84 ms over none (0.71–0.97)`, or `1.30× session_redis (1.21–1.40)`."""
        low, high = added.low, added.high
        if low is None and added.mean == (0.0 if self.floor else 1.0):
            return "what others are measured from"
        span = "" if low is None or high is None else f" ({_signed(low)} to {_signed(high)})"
        if self.floor is None:
            span = "" if low is None or high is None else f" ({low:.2f}–{high:.2f})"
            return f"{added.mean:.2f}× {self.reference}{span}"
        return f"{_signed(added.mean)} ms over {self.floor}{span}"


def tails_of(experiment: Experiment, results: Sequence[Result]) -> Tails | None:
    """None when no latency phase told a p99."""
    found = [r for r in results if r.metric.name == "latency_p99_ms" and r.value is not None]
    rates = {p.name: p.load.rate_rps or 0.0 for p in experiment.phases if p.kind == "latency"}
    phase = max((r.phase or "" for r in found), key=lambda name: rates.get(name, 0.0), default=None)
    here = [result for result in found if result.phase == phase]
    if phase is None:
        return None
    endpoints = sorted({r.endpoint or "" for r in here}, key=lambda name: name != _BROWSED)
    by_arm = {r.arm: r for r in here if r.endpoint == endpoints[0]}
    floors = (a.name for a in experiment.arms if a.strategy == COST_FLOOR and not a.is_control)
    floor = next((name for name in floors if name in by_arm), None)
    return Tails(phase, endpoints[0], by_arm, floor, experiment.reference)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + number(abs(value))

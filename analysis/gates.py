"""Gates judged: whether what must hold between a run's numbers does, by their 95% intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.compare import paired
from analysis.results import Result
from analysis.stats import BLOCKS_FOR_A_VERDICT, Interval
from loadtests.gates import Gate, Term

Outcome = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A row of summary.json's `gates`.

    `value`, with its interval from `low` to `high`, is the left side in its own unit, or with
    two terms left ÷ right, paired by block. `reason` says why a gate is undecided.
    """

    gate: Gate
    outcome: Outcome
    value: float | None
    low: float | None
    high: float | None
    reason: str | None


class _NoIntervalError(Exception):
    """Why there is nothing to judge by."""


def judge_gates(gates: Iterable[Gate], results: Sequence[Result]) -> Iterator[Judged]:
    """Each gate in turn: `pass` when its whole interval satisfies it, `fail` when no part of it
    does, else, and without an interval over enough blocks, `undecided`."""
    for gate in gates:
        try:
            interval = _interval(gate, results)
        except _NoIntervalError as why:
            yield Judged(gate, "undecided", None, None, None, str(why))
            continue
        outcome, reason = _outcome(gate, interval)
        yield Judged(gate, outcome, interval.mean, interval.low, interval.high, reason)


def any_failed(judged: Iterable[Judged]) -> bool:
    return any(each.outcome == "fail" for each in judged)


def _interval(gate: Gate, results: Sequence[Result]) -> Interval:
    left = _result(gate.left, results)
    if gate.right is None:
        return _own_interval(left)
    ratio = paired(_result(gate.right, results), left)
    if isinstance(ratio, str):
        raise _NoIntervalError(ratio)
    return ratio.exp()


def _own_interval(result: Result) -> Interval:
    if result.value is None:
        raise _NoIntervalError(f"{result.arm}: {result.reason}")
    if result.metric.pooled:
        raise _NoIntervalError(
            f"{result.metric.name} is one number of all blocks' trials together, without an "
            "interval, so no gate can judge it"
        )
    return Interval(result.value, result.low, result.high, result.blocks)


def _result(term: Term, results: Sequence[Result]) -> Result:
    """The one result a term names; without an endpoint, where only one was measured."""
    found = {
        result.endpoint: result
        for result in results
        if (result.arm, result.phase, result.metric.name) == (term.arm, term.phase, term.metric)
    }
    if not found:
        raise _NoIntervalError(f"{term}: not measured")
    if term.endpoint is None and len(found) == 1:
        return next(iter(found.values()))
    if term.endpoint not in found:
        measured = ", ".join(f"@{endpoint}" for endpoint in found)
        raise _NoIntervalError(f"{term}: name one of the endpoints measured: {measured}")
    return found[term.endpoint]


def _outcome(gate: Gate, interval: Interval) -> tuple[Outcome, str | None]:
    low, high = interval.low, interval.high
    if low is None or high is None or interval.blocks < BLOCKS_FOR_A_VERDICT:
        has = "1 block" if interval.blocks == 1 else f"{interval.blocks} blocks"
        return "undecided", f"{has}; a gate needs {BLOCKS_FOR_A_VERDICT}"
    held = {_holds(gate, low), _holds(gate, high)}
    if len(held) > 1:
        return "undecided", "the interval includes the limit: too wide to decide"
    return ("pass" if held == {True} else "fail"), None


def _holds(gate: Gate, bound: float) -> bool:
    # exp(ln 7) is not 7: a value that never varies must meet the limit it equals.
    value, limit = (float(f"{each:.12g}") for each in (bound, gate.number))
    return {
        ">=": value >= limit,
        "<=": value <= limit,
        ">": value > limit,
        "<": value < limit,
    }[gate.relation]

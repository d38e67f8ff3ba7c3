"""Gates in words: a table for the report, a line for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.gates import Judged, Outcome
from analysis.report.tables import NOTHING, Table
from analysis.units import number

_SAID: dict[Outcome, str] = {"pass": "passed", "fail": "FAILED", "undecided": "undecided"}
_NOTES = (
    "A value is the left side, or with two arms left ÷ right, paired by block. A gate passes when "
    "its whole 95% interval satisfies it, fails when no part of it does, and is undecided "
    "otherwise.",
)


def gate_table(judged: Sequence[Judged]) -> Table | None:
    """None without gates."""
    if not judged:
        return None
    rows = tuple(
        (str(each.gate), _SAID[each.outcome], *_numbers(each), each.reason or NOTHING)
        for each in judged
    )
    columns = ("gate", "outcome", "value", "95% interval", "reason")
    return Table("What must hold", columns, rows, _NOTES)


def gate_line(judged: Judged) -> str:
    """`gate passed: RULE: 1.10 (95% interval 1.06–1.14)`, or why it is undecided."""
    value, interval = _numbers(judged)
    said = value if interval == NOTHING else f"{value} (95% interval {interval})"
    details = [part for part in (said, judged.reason) if part and part != NOTHING]
    return ": ".join([f"gate {_SAID[judged.outcome]}", str(judged.gate), "; ".join(details)])


def _numbers(judged: Judged) -> tuple[str, str]:
    """Value and interval; ratios to three decimals, where narrow intervals differ."""
    say = _ratio if judged.gate.right is not None else number
    value = NOTHING if judged.value is None else say(judged.value)
    if judged.low is None or judged.high is None:
        return value, NOTHING
    return value, f"{say(judged.low)}–{say(judged.high)}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 100 else number(value)

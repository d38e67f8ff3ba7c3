"""What one fault did to one arm, in a few words."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.outages import Pair
from analysis.units import seconds

# Of the requests due after the first failure: from here on an arm is out, not merely disturbed.
OUT = 0.9


def cell_text(pair: Pair) -> str:
    """`503 at once, back within 0.20 s`, a line a part; what must not be stands in capitals."""
    if pair.absence is not None:
        return pair.absence
    return ",\n".join([status_text(pair), *_recovery(pair), *_alarms(pair), *_fewer(pair)])


def status_text(pair: Pair) -> str:
    """What became of good users' requests while the fault stood; of the worst trial."""
    first = pair.first_error_after_s
    if first is None:
        if pair.policy == "unaffected":
            return "unaffected"
        return f"all served,\n≤ {seconds(pair.worst_response_s)}"
    if first.low >= down_s(pair):
        return f"{pair.failed_with} once it was back"
    if pair.failed_once_begun >= OUT:
        return f"{pair.failed_with} {after_text(first.low, pair)}"
    return f"{failed_text(pair)} failed ({pair.failed_with})"


def failed_text(pair: Pair) -> str:
    """The share that failed while the fault stood, in the trial in which most did."""
    success = pair.success_down
    failed = 1 - success.low if success is not None else 0.0
    return "< 1%" if failed < 0.01 else f"{failed:.0%}"


def after_text(after_s: float, pair: Pair) -> str:
    """Nothing shorter than a bin is told from nothing."""
    return "at once" if after_s <= bin_s(pair) else f"after {short_seconds(after_s)}"


def short_seconds(value_s: float) -> str:
    """A time that bins of 0.1 s tell: `0.3 s`, `12 s`."""
    return f"{value_s:.1f} s" if value_s < 9.95 else f"{value_s:.0f} s"


def down_s(pair: Pair) -> float:
    """How long the fault stood, in the trial in which it was longest."""
    return pair.worst(lambda trial: trial.mended_s - trial.fault_s) or 0.0


def bin_s(pair: Pair) -> float:
    return pair.worst(lambda trial: trial.bin_s) or 0.0


def _recovery(pair: Pair) -> Iterator[str]:
    if pair.never_recovered:
        yield f"NOT BACK in {pair.never_recovered} of {len(pair.trials)}"
    elif pair.ended_too_soon:
        yield f"ended too soon in {pair.ended_too_soon} of {len(pair.trials)}"
    elif pair.recovery_s is not None:
        worst_s = pair.recovery_s.high
        at_once = worst_s <= bin_s(pair)
        yield "back at once" if at_once else f"back within {short_seconds(worst_s)}"


def _alarms(pair: Pair) -> Iterator[str]:
    if pair.total(lambda trial: trial.logged_out):
        yield "logs out"
    counted = (
        (pair.total(lambda trial: trial.hung), "HUNG"),
        (pair.total(lambda trial: trial.false_accepts), "LET IN AGAINST THE LAW"),
        (pair.total(lambda trial: trial.false_rejects), "FALSE REJECTS"),
    )
    yield from (f"{count:,} {what}" for count, what in counted if count)
    if pair.failed_before:
        yield "FAILED BEFORE"
    if pair.broken:
        yield "POLICY BROKEN"


def _fewer(pair: Pair) -> Iterator[str]:
    if pair.missing:
        yield f"{len(pair.trials)} of {pair.expected} trials"

"""The same checks of several rounds -> one of each. Pure.

A machine that lets a process wait now and then moves the tail of some rounds; an error of the
harness moves that of every round. So a percentile is judged by its median round, and has failed
only where no round was within the goal. Counts are exact, and have no such excuse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from loadtests.model import CalibrationCheck


def over_rounds(checks: Iterable[CalibrationCheck]) -> Iterator[CalibrationCheck]:
    """One check for each thing driven and read, in the order they came first."""
    repeated: dict[tuple[str, str], list[CalibrationCheck]] = defaultdict(list)
    for check in checks:
        repeated[check.about, check.quantity].append(check)
    return (_over_rounds(same) for same in repeated.values())


def _over_rounds(rounds: Sequence[CalibrationCheck]) -> CalibrationCheck:
    judged = [check for check in rounds if check.outcome != "left out"]
    if judged and 2 * len(judged) <= len(rounds):
        return _left_out(rounds, len(judged))
    failed = [check for check in judged if check.outcome == "fail"]
    by_error = sorted(judged, key=_error)
    if not judged or not failed:
        return by_error[len(by_error) // 2] if judged else rounds[0]
    if failed[0].unit != "ms" or any(check.measured is None for check in failed):
        return failed[0]
    # Of an even number the worse of the two in the middle.
    median = by_error[len(by_error) // 2]
    within = len(judged) - len(failed)
    if median.outcome == "pass" or within == 0:
        return median
    reason = f"within the goal in {within} of {len(judged)} rounds"
    return replace(
        median, outcome="undecided", reason="; ".join(filter(None, (reason, median.reason)))
    )


def _left_out(rounds: Sequence[CalibrationCheck], judged: int) -> CalibrationCheck:
    """As the first that was, with how many were not: so few rounds have no median."""
    first = next(check for check in rounds if check.outcome == "left out")
    reason = f"judged in only {judged} of {len(rounds)} rounds"
    return replace(first, reason="; ".join(filter(None, (reason, first.reason))))


def _error(check: CalibrationCheck) -> float:
    share = check.share_of_allowed
    return 0.0 if share is None else share

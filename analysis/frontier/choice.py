"""Which arm is the cheapest that meets what somebody asks for.

`report/page/frontier.js` asks the same of the same numbers; a test holds the two to one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.compare import Comparison
from analysis.frontier.points import RATE, Frontier, Point
from analysis.units import number, plain_seconds, span

# What a slider stops at: 1, 2 and 5 of each decade, and beyond a second what people say.
STOPS_S = (
    1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0,
)  # fmt: skip
USUAL_STOP = STOPS_S.index(1.0)

PROMISED = "promised"


@dataclass(frozen=True, slots=True)
class Wish:
    """What can be asked for beside a lag: as a switch's label, and as a part of a sentence."""

    key: str
    label: str
    clause: str


WISHES = (
    Wish("survives_store", "must survive a dead store", "surviving a dead store"),
    Wish("no_store", "no shared store", "without a shared store"),
    Wish("verifiable", "other services must verify it", "verifiable by other services"),
    Wish(PROMISED, "the law must promise it, measured is not enough", "promised by law"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point as it is chosen from. `within_s` and `promised_s`: the shortest lag to tolerate for
    it, measured or promised, and by promise alone (None: for ever); `meets` holds the wishes it
    fulfils, `ties` the arms it could not be told apart from in cost."""

    arm: str
    within_s: float | None
    promised_s: float | None
    meets: tuple[str, ...]
    per_core_second: float
    ties: tuple[str, ...]
    said_cost: str
    said_lag: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What qualifies, the cheapest of it (None: nothing does), and both in a sentence."""

    qualifying: tuple[str, ...]
    cheapest: str | None
    sentence: str


def candidates_of(found: Frontier, comparisons: Sequence[Comparison]) -> tuple[Candidate, ...]:
    ties = _ties(found, comparisons)
    return tuple(_candidate(point, ties.get(point.arm, ())) for point in found.points)


def choose(candidates: Sequence[Candidate], tolerated_s: float, wishes: Sequence[str]) -> Choice:
    """The arm of most requests per core-second among those that take no longer than `tolerated_s`
    to revoke and meet every wish of `wishes`, keys of `WISHES`."""
    qualifying = [c for c in candidates if _qualifies(c, tolerated_s, wishes)]
    names = tuple(candidate.arm for candidate in qualifying)
    clauses = [wish.clause for wish in WISHES if wish.key in wishes]
    asked = ", ".join([f"For a lag of up to {plain_seconds(tolerated_s)}", *clauses])
    if not qualifying:
        return Choice((), None, f"{asked}, no arm of this run qualifies.")
    best = max(qualifying, key=lambda candidate: candidate.per_core_second)
    noise = _noise([name for name in names if name in best.ties])
    count = f"{len(names)} of {len(candidates)} arms qualify"
    sentence = (
        f"{asked}, the cheapest is {best.arm}: {best.said_cost}{noise}. {best.said_lag} {count}."
    )
    return Choice(names, best.arm, sentence)


def said_cost(point: Point) -> str:
    """`20,212 requests per core-second (95% interval 19,900–20,500)`."""
    value, low, high = point.rate.value or 0.0, point.rate.low, point.rate.high
    if low is None or high is None:
        return f"{number(value)} requests per core-second (one block, no interval)"
    interval = span(number(low), number(high))
    return f"{number(value)} requests per core-second (95% interval {interval})"


def _candidate(point: Point, ties: tuple[str, ...]) -> Candidate:
    lag = point.lag
    fulfilled = {
        "survives_store": point.survives_store,
        "no_store": None if point.needs_store is None else not point.needs_store,
        "verifiable": point.verifiable,
    }
    return Candidate(
        arm=point.arm,
        within_s=lag.within_s,
        promised_s=None if lag.broken else lag.law_s,
        meets=tuple(key for key, meets in fulfilled.items() if meets),
        per_core_second=point.rate.value or 0.0,
        ties=ties,
        said_cost=said_cost(point),
        said_lag=f"Its lag: {lag.text}; its law: {lag.law_text}.",
    )


def _qualifies(candidate: Candidate, tolerated_s: float, wishes: Sequence[str]) -> bool:
    lag_s = candidate.promised_s if PROMISED in wishes else candidate.within_s
    if lag_s is None or lag_s > tolerated_s:
        return False
    return all(wish in candidate.meets for wish in wishes if wish != PROMISED)


def _ties(found: Frontier, comparisons: Sequence[Comparison]) -> Mapping[str, tuple[str, ...]]:
    """Arms that the run cannot tell apart in cost, both ways round."""
    ties: dict[str, tuple[str, ...]] = {}
    for each in comparisons:
        here = (each.metric.name, each.phase) == (RATE, found.capacity)
        if here and each.verdict not in {"faster", "slower"}:
            ties[each.reference] = (*ties.get(each.reference, ()), each.candidate)
            ties[each.candidate] = (*ties.get(each.candidate, ()), each.reference)
    return ties


def _noise(names: Sequence[str]) -> str:
    if not names:
        return ""
    *others, last = names
    said = f"{', '.join(others)} and {last}" if others else last
    return f"; {said} {'are' if others else 'is'} within the noise"

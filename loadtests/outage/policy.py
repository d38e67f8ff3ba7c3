"""Whether what was seen is what a law says of outages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from loadtests.checks.outages import LEAST_LEFT_S
from loadtests.model import OutagePolicy
from loadtests.outage.course import Case
from loadtests.outage.faults import expected_policy
from loadtests.outage.sightings import Asked, VictimSeen

_NS_PER_S = 1_000_000_000
# From the call of what breaks the store, or mends it, to where it shows, on a busy machine.
EDGE_NS = 50_000_000
# Whatever else a good user hears is no answer that a law knows of. 401 is judged elsewhere.
KNOWN = frozenset({"200", "503", "401"})


def policy_breaches(
    case: Case, asked: Sequence[Asked], victims: Iterable[VictimSeen], recovered_ns: int | None
) -> list[str]:
    """What contradicts the law, a clause each; nothing where it held."""
    policy = expected_policy(case.fault, case.law)
    return [
        *_strange(case, asked),
        *_failed_before(case, asked),
        *(_unserved(case, asked) if policy in ("serves", "unaffected") else ()),
        *_served(case, policy, asked),
        *_never_back(case, recovered_ns),
        *_other_promise(case, victims),
    ]


def _strange(case: Case, asked: Sequence[Asked]) -> Iterator[str]:
    seen = Counter(
        each.outcome for each in asked if each.outcome not in KNOWN and not _to_the_dead(case, each)
    )
    if seen:
        yield f"answers no law knows: {_counts(seen)}"


def _failed_before(case: Case, asked: Sequence[Asked]) -> Iterator[str]:
    seen = Counter(
        each.outcome
        for each in asked
        if each.done_ns < case.course.began_ns and each.outcome != "200"
    )
    if seen:
        yield f"failed before the fault: {_counts(seen)}"


def _unserved(case: Case, asked: Sequence[Asked]) -> Iterator[str]:
    """A store that is lost and back again before a replica is killed has a moment of its own, in
    which those who ask it may refuse."""
    asks = case.law.down in ("at_once", "within_law")
    lost_first = case.fault.loses and case.fault.hits == "replica" and asks
    seen = Counter(
        each.outcome
        for each in asked
        if each.outcome == "503"
        and each.done_ns >= case.course.began_ns
        and not (lost_first and each.sent_ns < case.course.struck_ns)
        and not _to_the_dead(case, each)
    )
    if seen:
        yield f"not served all the while: {_counts(seen)}"


def _served(case: Case, policy: OutagePolicy, asked: Sequence[Asked]) -> Iterator[str]:
    if policy not in ("at_once", "within_law"):
        return
    if case.fault.hits == "connections":
        yield from _mostly_served(case, asked)
        return
    bound_s = case.law.bound_s or 0.0 if policy == "within_law" else 0.0
    allowed_ns = case.course.struck_ns + EDGE_NS + int(bound_s * _NS_PER_S)
    # A request sent later may have waited for the store to be back.
    until_ns = case.course.mending_ns - EDGE_NS - int(case.deadline_s * _NS_PER_S)
    late = [each.sent_ns for each in asked if each.outcome == "200"]
    late = [sent_ns for sent_ns in late if allowed_ns < sent_ns < until_ns]
    if late:
        last_s = (max(late) - case.course.struck_ns) / _NS_PER_S
        yield f"{len(late)} requests served with nobody to ask, the last after {last_s:.2f} s"


def _mostly_served(case: Case, asked: Sequence[Asked]) -> Iterator[str]:
    """Connections that are only reset come back at once, so few are refused, and none for sure."""
    course = case.course
    met = [each for each in asked if course.struck_ns <= each.sent_ns < course.mending_ns]
    served = sum(each.outcome == "200" for each in met)
    if 2 * served < len(met):
        yield f"only {served} of {len(met)} served while connections were reset"


def _never_back(case: Case, recovered_ns: int | None) -> Iterator[str]:
    left_s = case.left_s
    if recovered_ns is None and left_s >= LEAST_LEFT_S:
        yield f"no second without failures within {left_s:.1f} s of the mend"


def _other_promise(case: Case, victims: Iterable[VictimSeen]) -> Iterator[str]:
    """A revoke may promise less than the law, never more."""
    bound_s = case.law.bound_s
    promises = [each.promised_s for each in victims if each.revoke == "ok"]
    more = [each for each in promises if bound_s is not None and (each is None or each > bound_s)]
    if more:
        yield f"{len(more)} revokes promised later than the law's {bound_s:g} s"


def _to_the_dead(case: Case, asked: Asked) -> bool:
    """Whether it went to a replica that was killed, or met its end or its beginning."""
    back_ns = case.course.mended_of_ns(case.arm.name) + EDGE_NS
    return (
        asked.replica == case.course.killed_replica
        and asked.done_ns >= case.course.began_ns
        and asked.sent_ns <= back_ns
    )


def _counts(seen: Counter[str]) -> str:
    return ", ".join(f"{outcome} × {count}" for outcome, count in sorted(seen.items()))

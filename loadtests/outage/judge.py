"""What was seen of an arm in a trial -> a line of outages.jsonl. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.model import OutageRecord
from loadtests.outage.course import Case
from loadtests.outage.faults import expected_policy
from loadtests.outage.policy import policy_breaches
from loadtests.outage.revokes import judge_victims
from loadtests.outage.sightings import Asked, Sighted

_NS_PER_S = 1_000_000_000
BIN_S = 0.1
BINS_OF_A_SECOND = 10
# A request that takes so many of the store's time-outs hangs.
TIMEOUTS_TO_HANG = 8
RECOVERED_SHARE = 0.999


@dataclass(frozen=True, slots=True)
class _Refusals:
    """401s to users who were never revoked."""

    unannounced: int
    announced: int


def outage_record(case: Case, sighted: Sighted) -> OutageRecord:
    course, arm = case.course, case.arm
    bins = bins_of(sighted.asked, case.outage.trial_s)
    mended_ns = course.mended_of_ns(arm.name)
    recovered_ns = recovered_at_ns(bins, course.began_ns, mended_ns)
    refusals = _refusals(case, sighted.asked)
    found = judge_victims(case, sighted.victims)
    breaches = policy_breaches(case, sighted.asked, sighted.victims, recovered_ns)
    failed_ns = [each.due_ns for each in sighted.asked if each.outcome != "200"]
    waits_ns = [each.done_ns - each.due_ns for each in sighted.asked]
    return OutageRecord(
        block=case.planned.block,
        phase=case.planned.phase,
        fault=case.outage.fault,
        trial=case.trial,
        arm=arm.name,
        replicas=arm.replicas,
        started_s=case.started_s,
        fault_s=course.began_ns / _NS_PER_S,
        mended_s=mended_ns / _NS_PER_S,
        ended_s=case.outage.trial_s,
        bin_s=BIN_S,
        bins=tuple(dict(outcomes) for outcomes in bins),
        first_error_s=min(failed_ns) / _NS_PER_S if failed_ns else None,
        worst_response_s=max(waits_ns, default=0) / _NS_PER_S,
        hung=sighted.unanswered + _hung(case, sighted),
        recovered_s=None if recovered_ns is None else recovered_ns / _NS_PER_S,
        revokes_ok=found.ok,
        revokes_refused=found.refused,
        revokes_indeterminate=found.indeterminate,
        probes=found.probes,
        accepted_after_ack=found.accepted,
        accepted_after_ack_worst_s=found.accepted_worst_s,
        false_accepts=found.false_accepts,
        false_accept_worst_s=found.false_accept_worst_s,
        false_rejects=refusals.unannounced,
        logged_out=refusals.announced,
        policy=expected_policy(case.fault, case.law),
        policy_held=not breaches,
        policy_why="; ".join(breaches) or None,
        added_delay_p50_s=course.added_delay_p50_s if case.needs_store else None,
        added_delay_p99_s=course.added_delay_p99_s if case.needs_store else None,
        busy_share=course.busy_share,
    )


def bins_of(asked: Sequence[Asked], trial_s: float) -> list[Counter[str]]:
    """Outcomes by due time, one bin a `BIN_S`; the last takes what fell due on the edge."""
    bins: list[Counter[str]] = [Counter() for _ in range(math.ceil(trial_s / BIN_S - 1e-9))]
    for each in asked:
        number = int(each.due_ns / (BIN_S * _NS_PER_S))
        bins[min(max(number, 0), len(bins) - 1)][each.outcome] += 1
    return bins


def recovered_at_ns(bins: Sequence[Counter[str]], began_ns: int, mended_ns: int) -> int | None:
    """Begin of the first second after the mend in which 99.9% succeed; None: there is none.

    The fault's own begin where nothing failed since.
    """
    bin_ns = round(BIN_S * _NS_PER_S)
    since = bins[began_ns // bin_ns :]
    if all(set(outcomes) <= {"200"} for outcomes in since):
        return began_ns
    first = -(-mended_ns // bin_ns)
    for number in range(first, len(bins) - BINS_OF_A_SECOND + 1):
        second: Counter[str] = Counter()
        for outcomes in bins[number : number + BINS_OF_A_SECOND]:
            second += outcomes
        if second["200"] >= RECOVERED_SHARE * max(1, second.total()):
            return number * bin_ns
    return None


def _hung(case: Case, sighted: Sighted) -> int:
    """Of every request that was sent: good users' and their logins, probes, and revokes."""
    limit_ns = TIMEOUTS_TO_HANG * case.deadline_s * _NS_PER_S
    probes = (probe for victim in sighted.victims for probe in victim.probes)
    asked = (*sighted.asked, *sighted.logins, *probes)
    took_ns = [each.done_ns - each.sent_ns for each in asked]
    took_ns += [victim.acked_ns - victim.sent_ns for victim in sighted.victims]
    return sum(each > limit_ns for each in took_ns)


def _refusals(case: Case, asked: Sequence[Asked]) -> _Refusals:
    """A login that a store took with it when it was lost must be made again; one made since, or
    one that no store held, stands."""
    refused = [each for each in asked if each.outcome == "401"]
    is_announced = case.fault.loses and case.law.survivors == "refuse"
    announced = sum(
        is_announced and not each.logins and each.done_ns >= case.course.began_ns
        for each in refused
    )
    return _Refusals(len(refused) - announced, announced)

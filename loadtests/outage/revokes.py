"""Which acceptances of revoked credentials a law forbids. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.outage.course import Case
from loadtests.outage.sightings import VictimSeen

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class VictimsFound:
    """Counts over an arm's victims in a trial. `accepted`: sent after the acknowledgement of the
    revoke; `false_accepts`: later than the law allows. Worst: how much later, at most."""

    ok: int
    refused: int
    indeterminate: int
    probes: int
    accepted: int
    accepted_worst_s: float
    false_accepts: int
    false_accept_worst_s: float


def judge_victims(case: Case, victims: Sequence[VictimSeen]) -> VictimsFound:
    """Only an acknowledged revoke can be broken."""
    outcomes = [victim.revoke for victim in victims]
    revoked = [victim for victim in victims if victim.revoke == "ok"]
    probes = accepted = false_accepts = 0
    accepted_worst_ns = false_worst_ns = 0
    for victim in revoked:
        bound_ns = _forbidden_after_ns(case, victim)
        for probe in victim.probes:
            late_ns = probe.sent_ns - victim.acked_ns
            if late_ns <= 0:
                continue
            probes += 1
            if probe.outcome != "200":
                continue
            accepted += 1
            accepted_worst_ns = max(accepted_worst_ns, late_ns)
            if bound_ns is not None and probe.sent_ns > bound_ns:
                false_accepts += 1
                false_worst_ns = max(false_worst_ns, probe.sent_ns - bound_ns)
    return VictimsFound(
        ok=len(revoked),
        refused=outcomes.count("refused"),
        indeterminate=outcomes.count("indeterminate"),
        probes=probes,
        accepted=accepted,
        accepted_worst_s=accepted_worst_ns / _NS_PER_S,
        false_accepts=false_accepts,
        false_accept_worst_s=false_worst_ns / _NS_PER_S,
    )


def _forbidden_after_ns(case: Case, victim: VictimSeen) -> int | None:
    """From when on a request sent with the credential must fail; None: never for certain."""
    if case.law.bound_s is None or _may_be_undone(case, victim):
        return None
    by_law_ns = victim.acked_ns + int(case.law.bound_s * _NS_PER_S)
    # A law that waits for tokens to expire waits no longer than for the victim's own.
    return by_law_ns if victim.expires_ns is None else min(by_law_ns, victim.expires_ns)


def _may_be_undone(case: Case, victim: VictimSeen) -> bool:
    """The law gives the last seconds before a kill to a store that forces its file to the disk
    once a second only."""
    if case.fault.appendfsync != "everysec":
        return False
    undone_ns = int(case.law.everysec_undoes_s * _NS_PER_S)
    return case.course.began_ns - undone_ns <= victim.acked_ns <= case.course.mended_of_ns("")

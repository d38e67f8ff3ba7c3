"""Laws on trial: a row an arm."""

from __future__ import annotations

from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.revocations.laws import TriedLaw
from analysis.revocations.rates import rate_text
from analysis.revocations.words import allowed_text, max_text, verdict_text

_COLUMNS = (
    "arm",
    "law",
    "measured max",
    "replica-trials (trials)",
    "verdict",
    "failure rate, 95%",
    "revokes ok, refused, indeterminate",
    "re-accepted",
    "false rejects",
)
_NOTES = (
    "A law is broken by one request accepted although it was sent later than the revoke's "
    "acknowledgement plus the bound. “Measured max” is the upper end of the longest interval: it "
    "may pass the bound by the probes' spacing while what is proven does not.",
    "The failure rate is the largest at which as many replica-trials without a failure come about "
    "one time in twenty: 1 − 0.05^(1/n), about 3/n (Hanley & Lippman-Hand, JAMA 249(13), 1983). "
    "It speaks of these trials on this machine; no fault was injected into them.",
    "Re-accepted: acceptances sent after a refusal had been heard. False rejects: answers 401 to "
    "users of the background load, whom nobody revoked. Both should be 0.",
)


def law_table(summary: Summary) -> Table | None:
    """None for a run that tries no revocations."""
    if not summary.laws:
        return None
    return Table(
        "Laws on trial",
        _COLUMNS,
        tuple(_row(law) for law in summary.laws),
        (*_NOTES, *_by_trial(summary.laws)),
    )


def _row(law: TriedLaw) -> tuple[str, ...]:
    counts = law.counts
    over = f"{law.replica_trials:,} ({law.trials:,})" if law.replica_trials else NOTHING
    return (
        law.arm,
        allowed_text(law),
        max_text(law),
        over,
        "holds" if law.verdict == "holds" else verdict_text(law),
        NOTHING if law.failure_rate_below is None else f"< {rate_text(law.failure_rate_below)}",
        f"{counts.revokes_ok:,}, {counts.revokes_refused:,}, {counts.revokes_indeterminate:,}",
        f"{counts.reaccepted:,}",
        f"{counts.false_rejects:,}",
    )


def _by_trial(laws: tuple[TriedLaw, ...]) -> tuple[str, ...]:
    """Replicas of one trial share a revoke, so the careful count is of trials."""
    rates = [law.trial_failure_rate_below for law in laws if law.trial_failure_rate_below]
    if not rates:
        return ()
    ends = dict.fromkeys(rate_text(rate) for rate in (min(rates), max(rates)))
    return (
        "Replicas of a trial share one revoke. Counted by trials, as if its replicas always failed "
        f"together, the laws that hold leave failure rates below {' to '.join(ends)}.",
    )

"""What became of a law, in words."""

from __future__ import annotations

from analysis.revocations.laws import Breach, TriedLaw
from analysis.revocations.rates import rate_words
from analysis.units import plain_seconds, seconds


def law_sentence(law: TriedLaw) -> str:
    """`law ≤ 1 s · measured max 4.00 ms over 800 replica-trials · holds (failure rate < …)`"""
    parts = [f"law {bound_text(law.bound_s)}" if law.bound_s is not None else "no law"]
    if law.replica_trials:
        parts.append(f"measured max {max_text(law)} over {law.replica_trials:,} replica-trials")
    return " · ".join([*parts, verdict_text(law)])


def bound_text(bound_s: float | None) -> str:
    """`≤ 1 s`, `at once`, or `none`."""
    if bound_s is None:
        return "none"
    return f"≤ {plain_seconds(bound_s)}" if bound_s else "at once"


def allowed_text(law: TriedLaw) -> str:
    """The bound, and what it came to where the credentials on trial lived for less."""
    scaled = f" (on trial {bound_text(law.within_s)}, the victims' lives)" if law.is_scaled else ""
    return f"{bound_text(law.bound_s)}{scaled}"


def max_text(law: TriedLaw) -> str:
    """The longest that any tested replica may have accepted; `—` where none refused."""
    if law.possible_max_s is None or law.spacing is None:
        return "—"
    return law.spacing.lag_text(law.possible_max_s)


def verdict_text(law: TriedLaw) -> str:
    if law.verdict == "holds":
        return f"holds ({rate_words(law.replica_trials)})"
    if law.breach is not None:
        return f"BROKEN: {_how_broken(law)}"
    return f"not tested: {law.reason}" if law.reason else law.verdict


def breach_text(breach: Breach) -> str:
    """`kick in trial 17 of block 0 (revocation): replica 3 accepted what was sent 1.203 s after
    the acknowledgement, 1 s allowed`"""
    line = breach.line
    allowed = plain_seconds(breach.allowed_s) if breach.allowed_s else "nothing"
    return (
        f"{line.how} in trial {line.trial} of block {line.block} ({line.phase}): replica "
        f"{line.replica} accepted what was sent {seconds(line.lag_low_s)} after the "
        f"acknowledgement, {allowed} allowed"
    )


def laws_sentence(laws: tuple[TriedLaw, ...]) -> str | None:
    """How many hold, which are broken or were not tested. None without laws."""
    if not laws:
        return None
    tried = [law for law in laws if law.verdict != "promises nothing"]
    holding = [law for law in tried if law.verdict == "holds"]
    broken = [f"{law.arm} ({_how_broken(law)})" for law in tried if law.breach]
    untested = [f"{law.arm} ({law.reason})" for law in tried if law.verdict == "not tested"]
    silent = [f"“{law.arm}”" for law in laws if law.verdict == "promises nothing"]
    over = sum(law.replica_trials for law in holding)
    held = f"{len(holding)} of {len(tried)} hold"
    parts = [
        f"{held}, over {over:,} replica-trials" if holding else held,
        *([f"BROKEN: {'; '.join(broken)}"] if broken else []),
        *([f"not tested: {'; '.join(untested)}"] if untested else []),
        *([f"without any promise: {', '.join(silent)}"] if silent else []),
    ]
    return f"Laws on trial: {'; '.join(parts)}."


def _how_broken(law: TriedLaw) -> str:
    """The worst line, and how many more there are."""
    if law.breach is None:
        return ""
    more = law.counts.false_accepts - 1
    return f"{breach_text(law.breach)}{f', and {more:,} more' if more else ''}"

"""Laws on trial: what each strategy promises, against every acknowledged revocation.

A law is broken by one request that was accepted although it was *sent* later than the
acknowledgement plus the bound (`lag_low_s` above it). It is tested by a replica that refused in
the end, or that was watched for as long as the bound. What was not tested is never said to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.reading import Reading
from analysis.revocations.rates import rate_below
from analysis.revocations.spacing import Spacing
from analysis.units import plain_seconds, seconds
from loadtests.model import Arm, Experiment, LawRecord, RevocationRecord

# A line, and how long after the acknowledgement its credential may still be accepted.
Allowed = tuple[RevocationRecord, float]
LawVerdict = Literal["holds", "BROKEN", "not tested", "promises nothing"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of an arm, over all its phases. Revokes count trials, the rest counts what happened.

    `false_accepts` are replica-trials, `reaccepted` acceptances after a refusal had been heard,
    `false_rejects` answers 401 to users of the background load, whom nobody revoked.
    """

    revokes_ok: int
    revokes_refused: int
    revokes_indeterminate: int
    false_accepts: int
    reaccepted: int
    false_rejects: int


@dataclass(frozen=True, slots=True)
class Breach:
    """The line that broke a law by most, and how long it was allowed to accept."""

    line: RevocationRecord
    allowed_s: float


@dataclass(frozen=True, slots=True)
class TriedLaw:
    """The law of one arm and what became of it.

    `within_s` is the longest that any tested trial allowed: the bound, or the life of a victim's
    credential where that was shorter. `trials` and `replica_trials` are the tested ones.
    `proven_max_s` is the largest `lag_low_s` among them, `possible_max_s` the largest `lag_high_s`
    of those that refused. `reason` says why a law was not tested; `spacing` is None then.
    """

    arm: str
    bound_s: float | None
    verdict: LawVerdict
    reason: str | None
    within_s: float | None
    trials: int
    replica_trials: int
    proven_max_s: float | None
    possible_max_s: float | None
    breach: Breach | None
    counts: Counts
    spacing: Spacing | None

    @property
    def is_scaled(self) -> bool:
        """Whether it was tried on credentials whose lives are shorter than its bound."""
        return (
            self.bound_s is not None and self.within_s is not None and self.within_s < self.bound_s
        )

    @property
    def failure_rate_below(self) -> float | None:
        """Of a replica-trial, at 95%; None unless the law holds."""
        return rate_below(self.replica_trials) if self.verdict == "holds" else None

    @property
    def trial_failure_rate_below(self) -> float | None:
        """The same of a trial, whose replicas share one revoke."""
        return rate_below(self.trials) if self.verdict == "holds" else None


def laws_on_trial(reading: Reading) -> tuple[TriedLaw, ...]:
    """One an arm, in their order; empty where no phase tries revocations."""
    experiment = reading.experiment
    if not any(phase.trials is not None for phase in experiment.phases):
        return ()
    return tuple(_tried(reading, arm) for arm in experiment.arms)


def life_of(line: RevocationRecord, experiment: Experiment) -> float | None:
    """Of the victim's credential in seconds, None: without end. Runs that did not note it, nor how
    long they watched, gave every victim the phase's."""
    trials = experiment.phase(line.phase).trials
    if line.ttl_s is not None or line.watched_s is not None or trials is None:
        return line.ttl_s
    return float(trials.ttl_s)


def allowed_s(
    line: RevocationRecord, bound_s: float, life_s: float | None, leeway_s: float
) -> float:
    """How long after the acknowledgement this line's credential may still be accepted.

    The law's bound; or what the server promised of this revoke, or the victim's own life, where
    they are shorter: no credential outlives its end, whatever renews it.
    """
    promised_s = bound_s if line.effective_within_s is None else line.effective_within_s
    lives_s = bound_s if life_s is None else life_s + leeway_s
    return min(bound_s, promised_s, lives_s)


def trial_of(line: RevocationRecord) -> tuple[int, str, str, int, float]:
    """What the lines of one trial share; of a repeated round the time tells attempts apart."""
    return line.block, line.phase, line.arm, line.trial, line.sent_s


def _tried(reading: Reading, arm: Arm) -> TriedLaw:
    lines = [line for line in reading.revocations if line.arm == arm.name]
    law = reading.law(arm.name)
    bound_s = None if law is None else law.bound_s
    leeway_s = leeway_of(arm)
    told: list[Allowed] = []
    if bound_s is not None:
        told = [
            (line, allowed_s(line, bound_s, life_of(line, reading.experiment), leeway_s))
            for line in lines
            if line.is_telling
        ]
    tested = [(line, within_s) for line, within_s in told if _is_tested(line, within_s)]
    broken = [(line, within_s) for line, within_s in tested if line.lag_low_s > within_s]
    verdict: LawVerdict = "holds"
    reason = None
    if law is not None and bound_s is None:
        verdict = "promises nothing"
    elif broken:
        verdict = "BROKEN"
    elif not tested:
        verdict, reason = "not tested", _why_not(reading, arm.name, law, lines, told)
    refused = [line.lag_high_s for line, _ in tested if line.lag_high_s is not None]
    return TriedLaw(
        arm=arm.name,
        bound_s=bound_s,
        verdict=verdict,
        reason=reason,
        within_s=max((within_s for _, within_s in tested), default=None),
        trials=len({trial_of(line) for line, _ in tested}),
        replica_trials=len(tested),
        proven_max_s=max((line.lag_low_s for line, _ in tested), default=None),
        possible_max_s=max(refused, default=None),
        breach=_worst(broken),
        counts=_counts(reading, arm.name, lines, len(broken)),
        spacing=Spacing.of([line for line, _ in tested], None, bound_s) if tested else None,
    )


def _worst(broken: Sequence[Allowed]) -> Breach | None:
    late = max(broken, key=lambda each: each[0].lag_low_s - each[1], default=None)
    return None if late is None else Breach(*late)


def leeway_of(arm: Arm) -> float:
    """`clock_leeway_s` of its settings: by how much a token outlives its end."""
    return float(arm.settings.get("clock_leeway_s", 0.0))


def _is_tested(line: RevocationRecord, within_s: float) -> bool:
    """A late acceptance is a proof, however short the line was watched."""
    if line.lag_high_s is not None or line.lag_low_s > within_s:
        return True
    return line.watched_s is not None and line.watched_s >= within_s


def _why_not(
    reading: Reading,
    arm: str,
    law: LawRecord | None,
    lines: Sequence[RevocationRecord],
    told: Sequence[Allowed],
) -> str:
    if arm in reading.impossible:
        return f"the arm was impossible: {reading.impossible[arm]}"
    if law is None:
        return "no block asked the server for its law"
    if not lines:
        return "no trial"
    if told:
        watched = [line.watched_s for line, _ in told if line.watched_s is not None]
        how_long = f"at most {seconds(max(watched))}" if watched else "a time not noted"
        allowed = plain_seconds(max(within_s for _, within_s in told))
        return f"never refused while watched for {how_long}, less than the {allowed} allowed"
    outcomes = _outcomes(lines)
    if not outcomes["ok"]:
        said = (f"{outcomes[name]} {name}" for name in ("refused", "indeterminate"))
        return f"no revoke was acknowledged ({', '.join(said)})"
    return "every probe after a revoke failed: neither accepted nor refused"


def _outcomes(lines: Iterable[RevocationRecord]) -> dict[str, int]:
    by_trial = {trial_of(line): line.revoke for line in lines}
    outcomes = list(by_trial.values())
    return {name: outcomes.count(name) for name in ("ok", "refused", "indeterminate")}


def _counts(
    reading: Reading, arm: str, lines: Sequence[RevocationRecord], false_accepts: int
) -> Counts:
    outcomes = _outcomes(lines)
    frame = reading.frame
    background = frame[(frame["kind"] == "revocation") & (frame["arm"] == arm)]
    return Counts(
        revokes_ok=outcomes["ok"],
        revokes_refused=outcomes["refused"],
        revokes_indeterminate=outcomes["indeterminate"],
        false_accepts=false_accepts,
        reaccepted=sum(line.reaccepted for line in lines),
        false_rejects=int(background["unauthorised"].sum()),
    )

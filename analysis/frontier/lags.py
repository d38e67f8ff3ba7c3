"""Where an arm stands on the axis of lag: as measured, or as its law says where that is all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.reading import Reading
from analysis.results import Result
from analysis.units import plain_seconds, seconds
from loadtests.model import LawRecord, Phase

# `at_most`: no longer than the spacing of the probes, so shorter by an unknown part.
LagKind = Literal["measured", "at_most", "law", "never"]

# What a deployment at ease looks like; the frontier is drawn of the phase nearest to it.
USUAL_LOAD = 0.3
# A lag of less than this share of a credential's life was not ended by its expiry.
_BEFORE_EXPIRY = 0.5


@dataclass(frozen=True, slots=True)
class Lag:
    """How long a revoked user stays in. `seconds` None: for ever.

    `statistic` is what was measured (`p99`, `longest` of too few) over `trials` replica-trials;
    `law_s` is the law's bound (None: none), which counts for nothing once it was `broken`.
    """

    kind: LagKind
    seconds: float | None
    law_s: float | None
    statistic: str | None = None
    trials: int = 0
    broken: bool = False

    @property
    def within_s(self) -> float | None:
        """The shortest lag one must tolerate: measured, or promised where that is shorter."""
        if self.seconds is None or self.law_s is None or self.broken:
            return self.seconds
        return min(self.seconds, self.law_s)

    @property
    def allowed_beyond(self) -> float | None:
        """The law's bound, where it allows more than was seen."""
        if self.seconds is None or self.law_s is None or self.law_s <= self.seconds:
            return None
        return self.law_s

    @property
    def text(self) -> str:
        """`3.40 ms (p99 of 800)`, `≤ 2 ms, the probes’ spacing (…)`, `15 min by law, …`."""
        if self.seconds is None:
            return "never revoked"
        if self.kind == "law":
            said = plain_seconds(self.seconds) if self.seconds else "0 s"
            return f"{said} by law, not measured"
        of = f"({self.statistic} of {self.trials:,})"
        if self.kind == "at_most":
            return f"≤ {plain_seconds(self.seconds)}, the probes’ spacing {of}"
        return f"{seconds(self.seconds)} {of}"

    @property
    def law_text(self) -> str:
        if self.law_s is None:
            return "none"
        within = f"within {plain_seconds(self.law_s)}" if self.law_s else "at once"
        return f"{within}, BROKEN in this run" if self.broken else within


def usual_phase(reading: Reading, results: Iterable[Result]) -> Phase | None:
    """The revocation phase whose load is nearest to the usual one, of those that were measured."""
    measured = {r.phase for r in results if r.metric.name == "revocation_lag_max_s"}
    phases = [p for p in reading.experiment.phases if p.trials and p.name in measured]
    return min(phases, key=_unusual, default=None)


def lag_of(reading: Reading, results: Sequence[Result], phase: Phase, arm: str) -> Lag | None:
    """None when nothing is known of the arm: no lag and no law.

    Where credentials were given a shorter life than their law speaks of, so that trials end while
    somebody watches, a lag that only expiry ended says nothing of the arm as configured: the law
    then stands in its place.
    """
    law = reading.law(arm)
    mine = [r for r in results if (r.arm, r.phase) == (arm, phase.name)]
    found = _statistic(mine)
    bound_s = None if law is None else law.bound_s
    broken = _is_broken(reading, arm, bound_s)
    if found is None or found.value is None:
        never = any(result.never_ends for result in mine)
        if law is None or (bound_s is None and not never):
            return None
        if bound_s is None or broken:
            return Lag("never", None, bound_s, broken=broken)
        return Lag("law", bound_s, bound_s)
    if law is not None and _ended_by_expiry(found.value, law, phase):
        return Lag("law", bound_s, bound_s, broken=broken)
    spacing_s = phase.trials.spacing_s(bound_s) if phase.trials else 0.0
    kind: LagKind = "at_most" if found.value <= spacing_s else "measured"
    name = "p99" if found.metric.name == "revocation_lag_p99_s" else "longest"
    trials = sum((t.arm, t.phase) == (arm, phase.name) for t in reading.trials)
    return Lag(kind, max(found.value, spacing_s), bound_s, name, trials, broken)


def resolution_s(phase: Phase, lags: Iterable[Lag]) -> float:
    """The finest spacing of probes among the arms: what is shorter was measured of none."""
    if phase.trials is None:
        return 0.0
    return min((phase.trials.spacing_s(lag.law_s) for lag in lags), default=0.0)


def _statistic(results: Sequence[Result]) -> Result | None:
    """p99 where there were trials enough, else the longest."""
    by_metric = {result.metric.name: result for result in results}
    p99 = by_metric.get("revocation_lag_p99_s")
    if p99 is not None and (p99.value is not None or p99.never_ends):
        return p99
    return by_metric.get("revocation_lag_max_s")


def _ended_by_expiry(lag_s: float, law: LawRecord, phase: Phase) -> bool:
    life_s = phase.trials.ttl_s if phase.trials else None
    if law.bound_s is None or life_s is None:
        return False
    return law.bound_s >= life_s and lag_s > _BEFORE_EXPIRY * life_s


def _is_broken(reading: Reading, arm: str, bound_s: float | None) -> bool:
    """Whether a revoked credential was seen to get in later than the law allows."""
    if bound_s is None:
        return False
    return any(trial.arm == arm and trial.lag_low_s > bound_s for trial in reading.trials)


def _unusual(phase: Phase) -> float:
    return abs(phase.trials.background_fraction - USUAL_LOAD) if phase.trials else float("inf")

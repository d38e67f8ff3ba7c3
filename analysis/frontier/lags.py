"""Where an arm stands on the axis of lag: as measured, or as its law says where that is all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from analysis.reading import Reading
from analysis.results import Result
from analysis.revocations.loads import usual
from analysis.units import plain_seconds, seconds
from loadtests.model import LawRecord, Phase

# `at_most`: no longer than the spacing of the probes, so shorter by an unknown part.
LagKind = Literal["measured", "at_most", "law", "never"]

# A lag of less than this share of a credential's life was not ended by its expiry.
_BEFORE_EXPIRY = 0.5


class Seen(Protocol):
    """What a replica showed of an acknowledged revocation."""

    @property
    def phase(self) -> str: ...
    @property
    def lag_low_s(self) -> float: ...
    @property
    def probe_every_s(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Lag:
    """How long a revoked user stays in. `seconds` None: for ever.

    `measured_s` is the `statistic` (`p99`, `longest` of too few) of `trials` replica-trials, for
    credentials that lived `life_s`; `law_s` the law's bound (None: none) for the credentials whose
    cost was measured, which counts for nothing once it was `broken`; `tried_s` its bound for those
    on trial, which may live shorter; `spacing_s` is that of the probes that measured it.
    """

    kind: LagKind
    seconds: float | None
    law_s: float | None
    statistic: str | None = None
    measured_s: float | None = None
    trials: int = 0
    life_s: float | None = None
    tried_s: float | None = None
    spacing_s: float | None = None
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
        """`3.40 ms (p99 of 800)`, `≤ 2 ms, the probes’ spacing (…)`, `15 min by law (…)`."""
        if self.seconds is None:
            return "never revoked"
        of = f"{self.statistic} of {self.trials:,}"
        if self.kind == "law":
            return f"{_said(self.seconds)} by law{self._scaled(of)}"
        if self.kind == "at_most":
            return f"≤ {plain_seconds(self.seconds)}, the probes’ spacing ({of})"
        return f"{seconds(self.seconds)} ({of})"

    @property
    def law_text(self) -> str:
        if self.law_s is None:
            return "none"
        within = f"within {plain_seconds(self.law_s)}" if self.law_s else "at once"
        return f"{within}, BROKEN in this run" if self.broken else within

    def _scaled(self, of: str) -> str:
        """What was measured of credentials that only expiry ended, and how long they lived."""
        if self.measured_s is None or self.life_s is None:
            return ", not measured"
        lived = f"with credentials of {plain_seconds(self.life_s)}"
        return f" (measured {lived}: {seconds(self.measured_s)}, {of})"


def usual_phase(reading: Reading, results: Iterable[Result]) -> Phase | None:
    """The revocation phase whose load is nearest to the usual one, of those that were measured."""
    measured = {r.phase for r in results if r.metric.name == "revocation_lag_max_s"}
    phases = [p for p in reading.experiment.phases if p.trials and p.name in measured]
    return usual(phases)


def lag_of(
    law: LawRecord | None,
    results: Sequence[Result],
    phase: Phase,
    seen: Sequence[Seen],
    minted_s: float | None = None,
) -> Lag | None:
    """Of one arm, from its law, its results and its trials in every phase; None when nothing is
    known: no lag and no law.

    A lag that only expiry ended says how long credentials lived here, whatever life they are
    configured to have: the law then stands in its place. Credentials of the load may live longer,
    `minted_s`, than those on trial; it is they whose cost was measured, and for them that the law
    then speaks: shorter ones would have to be got anew that much oftener.
    """
    found = _statistic([result for result in results if result.phase == phase.name])
    bound_s = None if law is None else law.bound_s
    broken = bound_s is not None and any(trial.lag_low_s > bound_s for trial in seen)
    law_s = bound_s if bound_s is None or minted_s is None else max(bound_s, minted_s)
    if found is None or found.value is None:
        never = found is not None and found.never_ends
        return _unmeasured(law, law_s, broken=broken, never=never)
    mine = [trial for trial in seen if trial.phase == phase.name]
    spacing_s = _spacing_s(mine, phase, bound_s)
    kind: LagKind = "at_most" if found.value <= spacing_s else "measured"
    measured = Lag(
        kind=kind,
        seconds=max(found.value, spacing_s),
        law_s=law_s,
        statistic="p99" if found.metric.name == "revocation_lag_p99_s" else "longest",
        measured_s=found.value,
        trials=len(mine),
        life_s=phase.trials.ttl_s if phase.trials else None,
        tried_s=bound_s,
        spacing_s=spacing_s,
        broken=broken,
    )
    if _ended_by_expiry(measured):
        return replace(measured, kind="law", seconds=law_s)
    return measured


def resolution_s(lags: Iterable[Lag]) -> float:
    """The finest spacing of probes among the arms: what is shorter was measured of none."""
    return min((lag.spacing_s for lag in lags if lag.spacing_s is not None), default=0.0)


def _spacing_s(seen: Sequence[Seen], phase: Phase, bound_s: float | None) -> float:
    """What the trials say was asked; where they say nothing, what the phase asks."""
    asked = [trial.probe_every_s for trial in seen if trial.probe_every_s is not None]
    return max(asked, default=phase.trials.spacing_s(bound_s) if phase.trials else 0.0)


def _statistic(results: Sequence[Result]) -> Result | None:
    """p99 where there were trials enough, else the longest."""
    by_metric = {result.metric.name: result for result in results}
    p99 = by_metric.get("revocation_lag_p99_s")
    if p99 is not None and (p99.value is not None or p99.never_ends):
        return p99
    return by_metric.get("revocation_lag_max_s")


def _unmeasured(
    law: LawRecord | None, law_s: float | None, *, broken: bool, never: bool
) -> Lag | None:
    """What the law alone says; of an arm without a bound, only that it never refused."""
    if law is None or (law.bound_s is None and not never):
        return None
    if law.bound_s is None or broken:
        return Lag("never", None, law_s, tried_s=law.bound_s, broken=broken)
    return Lag("law", law_s, law_s, tried_s=law.bound_s)


def _ended_by_expiry(lag: Lag) -> bool:
    if lag.tried_s is None or lag.life_s is None or lag.measured_s is None:
        return False
    return lag.tried_s >= lag.life_s and lag.measured_s > _BEFORE_EXPIRY * lag.life_s


def _said(value_s: float) -> str:
    return plain_seconds(value_s) if value_s else "0 s"

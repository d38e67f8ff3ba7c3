"""What lives of minutes would mean, computed from a law that held on lives of seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.reading import Reading
from analysis.revocations.lags import lag_s
from analysis.revocations.laws import TriedLaw, leeway_of

LIVES_S = (300.0, 900.0, 3600.0)
# Whole seconds, and a revoke soon after the login, leave more than this of a credential's life.
# What usually refuses sooner was not waiting for expiry.
_UNTIL_EXPIRY = 0.25


@dataclass(frozen=True, slots=True)
class ComputedLife:
    """Lags in seconds that credentials of `life_s` would have, the revoke coming at a moment drawn
    evenly from that life: mean life ÷ 2 + leeway, worst life + leeway. Computed, never measured.

    `mean_lag_s` is None where something else than expiry usually ends a credential, as a message
    that may be lost does: then only the worst follows from the law.
    """

    arm: str
    life_s: float
    leeway_s: float
    mean_lag_s: float | None
    worst_lag_s: float


def computed_lives(reading: Reading, laws: Sequence[TriedLaw]) -> Iterator[ComputedLife]:
    """Of arms whose law is about the life of a credential and was seen to hold; no others."""
    for law in laws:
        if law.verdict != "holds" or not is_about_lives(reading, law):
            continue
        leeway_s = leeway_of(reading.experiment.arm(law.arm))
        waits = waits_for_expiry(reading, law.arm)
        for life_s in LIVES_S:
            mean_s = life_s / 2 + leeway_s if waits else None
            yield ComputedLife(law.arm, life_s, leeway_s, mean_s, life_s + leeway_s)


def is_about_lives(reading: Reading, law: TriedLaw) -> bool:
    """Whether the bound is no shorter than the lives of the victims' credentials."""
    lives = [life_s for _, life_s in _lags_and_lives(reading, law.arm)]
    return law.bound_s is not None and bool(lives) and law.bound_s >= max(lives)


def waits_for_expiry(reading: Reading, arm: str) -> bool:
    known = _lags_and_lives(reading, arm)
    return bool(known) and median(lag / life_s for lag, life_s in known) >= _UNTIL_EXPIRY


def _lags_and_lives(reading: Reading, arm: str) -> list[tuple[float, float]]:
    """Runs that did not note the life of each victim give all of them the phase's."""
    lives: dict[str, float] = {
        p.name: p.trials.ttl_s for p in reading.experiment.phases if p.trials
    }
    return [
        (lag_s(line), lives[line.phase] if line.ttl_s is None else line.ttl_s)
        for line in reading.trials
        if line.arm == arm
    ]

"""What lives of minutes would mean, computed from a law that held on lives of seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.reading import Reading
from analysis.revocations.lags import lag_s
from analysis.revocations.laws import TriedLaw, leeway_of, life_of

LIVES_S = (300.0, 900.0, 3600.0)
LIFE_SETTINGS = ("token_ttl_s", "access_ttl_s")
# Whole seconds, and a revoke soon after the login, leave more than this of a credential's life.
# Whoever refuses sooner was not waiting for expiry.
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
        waits = waits_for_expiry(reading, law.arm)
        if law.verdict != "holds" or not (waits or _is_a_life(reading, law)):
            continue
        leeway_s = leeway_of(reading.experiment.arm(law.arm))
        for life_s in LIVES_S:
            mean_s = life_s / 2 + leeway_s if waits else None
            yield ComputedLife(law.arm, life_s, leeway_s, mean_s, life_s + leeway_s)


def waits_for_expiry(reading: Reading, arm: str) -> bool:
    """Whether nothing but expiry ended any victim's credential, nor need have, by the law."""
    law = reading.law(arm)
    known = _lags_and_lives(reading, arm)
    if law is None or law.bound_s is None or not known:
        return False
    longest_s = max(life_s for _, life_s in known)
    # Lives are noted in whole seconds, rounded up.
    return math.ceil(law.bound_s) >= longest_s and all(
        _UNTIL_EXPIRY * life_s <= lag < math.inf for lag, life_s in known
    )


def _is_a_life(reading: Reading, law: TriedLaw) -> bool:
    """Whether the bound is the life that the arm's settings give to its tokens."""
    arm = reading.experiment.arm(law.arm)
    lives = (arm.settings[name] for name in LIFE_SETTINGS if name in arm.settings)
    return law.bound_s in {float(life_s) + leeway_of(arm) for life_s in lives}


def _lags_and_lives(reading: Reading, arm: str) -> list[tuple[float, float]]:
    """Of credentials that end at all."""
    lives = (
        (line, life_of(line, reading.experiment)) for line in reading.trials if line.arm == arm
    )
    return [(lag_s(line), life_s) for line, life_s in lives if life_s is not None]

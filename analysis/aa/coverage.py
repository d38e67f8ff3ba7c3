"""Whether the intervals of an A/A run miss the truth more often than they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from analysis.aa.twins import Place, Trial
from analysis.stats import CONFIDENCE
from loadtests.model import PhaseKind

# One metric a family: throughput, requests per core-second and the servers' CPU are nearly one
# number, so testing each of them would count one piece of luck three times.
FAMILIES: Mapping[str, tuple[str, PhaseKind, str | None]] = {
    "work of a core": ("requests_per_core_second", "capacity", None),
    "the store's work": ("cpu_store_us", "capacity", None),
    "the usual wait": ("latency_p50_ms", "latency", "GET /me"),
    "the tail": ("latency_p99_ms", "latency", "GET /me"),
}


@dataclass(frozen=True, slots=True)
class Misses:
    """Of `trials` independent intervals `missed` exclude no difference; `p` is the probability of
    as many or more where 5% do; `family`: what the place stands for, None for all the others."""

    place: Place
    family: str | None
    trials: int
    missed: int
    p: float

    @property
    def could_tell(self) -> float:
        """The smallest `p` that this many trials could have shown."""
        return float((1 - CONFIDENCE) ** self.trials)


def misses_of(place: Place, trials: Sequence[Trial]) -> Misses:
    """A one-sided binomial test: intervals that miss too seldom cost power but claim nothing that
    is not so, and a dozen trials could not show it. Raises ValueError without trials."""
    missed = sum(trial.misses for trial in trials)
    test = binomtest(missed, len(trials), 1 - CONFIDENCE, alternative="greater")
    return Misses(place, _family(place), len(trials), missed, float(test.pvalue))


def _family(place: Place) -> str | None:
    named = (place.metric.name, place.kind, place.endpoint)
    return next((family for family, wanted in FAMILIES.items() if wanted == named), None)

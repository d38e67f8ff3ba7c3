"""How a `revocation` phase tries a law: as its experiment says, or sized by the law of each arm."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Finer, and probes would be most of the load.
LEAST_SPACING_S = 0.002
SPACING_OF_BOUND = 0.01
# Trials of a whole run: many where a law holds soon, fewer where they wait for expiry.
SOON_S = 2.0
MANY, FEW = 200, 40


@dataclass(frozen=True, slots=True)
class Trials:
    """How a `revocation` phase tries the law, in each slice of an arm; None: by the arm's law.

    `background_fraction` is the load meanwhile, probes included, as a share of the arm's measured
    capacity; `ttl_s` is the life of the victims' credentials.
    """

    per_slice: int | None
    concurrent: int | None
    probe_every_s: float | None
    ttl_s: int
    background_fraction: float

    def spacing_s(self, bound_s: float | None) -> float:
        """Of the probes of one replica, where the law's bound is `bound_s` (None: never). No
        longer than their credentials live are victims watched."""
        if self.probe_every_s is not None:
            return self.probe_every_s
        watched_s = self.ttl_s if bound_s is None else min(bound_s, self.ttl_s)
        return max(LEAST_SPACING_S, SPACING_OF_BOUND * watched_s)

    def in_a_slice(self, bound_s: float | None, slices: int) -> int:
        """Trials in each of an arm's `slices`, all blocks together."""
        if self.per_slice is not None:
            return self.per_slice
        is_soon = bound_s is not None and bound_s <= SOON_S
        return math.ceil((MANY if is_soon else FEW) / slices)

    def at_most_in_a_slice(self, slices: int) -> int:
        """As `in_a_slice`, whatever the law."""
        return self.in_a_slice(0.0, slices)

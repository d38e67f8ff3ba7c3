"""What a run's outages did to each arm: faults, and arms under them."""

from analysis.outages.faults import GROUPS, Fault, Group, fault_named
from analysis.outages.pairs import Pair, pairs_of
from analysis.outages.revokes import (
    PUSH_STRATEGIES,
    REVOKES_WANTED,
    Revokes,
    revokes_of,
)
from analysis.outages.spread import Spread

__all__ = [
    "GROUPS",
    "PUSH_STRATEGIES",
    "REVOKES_WANTED",
    "Fault",
    "Group",
    "Pair",
    "Revokes",
    "Spread",
    "fault_named",
    "pairs_of",
    "revokes_of",
]

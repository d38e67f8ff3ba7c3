"""The faults there are, and whom each can touch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.model import LawRecord, OutagePolicy

# What a fault takes away: the store, some of its answers' promptness, its connections again and
# again, what it announces unasked, or a replica of every arm.
Hits = Literal["store", "pace", "connections", "announcements", "replica"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`loses`: the store comes back empty. `appendfsync`: what the store is started with.
    `silences`: over what announcements come that are lost (see `LawRecord.hears_by`)."""

    hits: Hits
    loses: bool = False
    appendfsync: Literal["everysec", "always"] | None = None
    silences: tuple[str, ...] = ()
    added_delay_s: float = 0.0


FAULTS: Mapping[str, Fault] = {
    "killed_empty": Fault("store", loses=True),
    "killed_aof_everysec": Fault("store", appendfsync="everysec"),
    "killed_aof_always": Fault("store", appendfsync="always"),
    "frozen": Fault("store"),
    "half_open": Fault("store"),
    "slow_5ms": Fault("pace", added_delay_s=0.005),
    "slow_50ms": Fault("pace", added_delay_s=0.05),
    "reset_storm": Fault("connections"),
    "tracking_lost": Fault("announcements", silences=("tracking",)),
    "subscriber_cut": Fault("announcements", silences=("tracking", "channel", "log")),
    "replica_killed": Fault("replica"),
    "replica_killed_after_loss": Fault("replica", loses=True),
}


def expected_policy(fault: Fault, law: LawRecord) -> OutagePolicy:
    """What an arm of that law is expected to do under the fault; a law that says nothing to
    machines (an older server's) is taken for one without a store."""
    down = law.down or "unaffected"
    if fault.hits == "replica":
        # The replica that stays answers for both.
        return "serves"
    if fault.hits == "announcements":
        return law.unheard or "unaffected" if law.hears_by in fault.silences else "unaffected"
    if fault.hits == "pace" and down != "unaffected":
        return "serves"
    return down

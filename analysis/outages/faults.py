"""What the faults of an outage experiment do, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["away", "disturbed", "replica", "other"]

# In the order of the report.
GROUPS: dict[Group, str] = {
    "away": "The store is away",
    "disturbed": "The store, or the way to it, is disturbed",
    "replica": "A replica is killed",
    "other": "Other faults",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to all arms at once. `label` suits a heading, `what` is a sentence's rest.

    `may_undo`: laws except it, as it may take back what was acknowledged, so that its revokes
    prove nothing.
    """

    name: str
    label: str
    group: Group
    what: str
    may_undo: bool = False


_KNOWN = {
    fault.name: fault
    for fault in (
        Fault("killed_empty", "killed and emptied", "away",
              "the store is killed and comes back empty"),
        Fault("killed_aof_everysec", "killed with AOF everysec", "away",
              "the store is killed and comes back with its append-only file, synced every second",
              may_undo=True),
        Fault("killed_aof_always", "killed with AOF always", "away",
              "the same, synced at every write"),
        Fault("frozen", "frozen", "away",
              "the store stands still (SIGSTOP) while its connections live"),
        Fault("half_open", "half-open", "away",
              "what is sent to the store is swallowed, and nothing tells"),
        Fault("slow_5ms", "5 ms slower", "disturbed",
              "every round trip to the store takes 5 ms more"),
        Fault("slow_50ms", "50 ms slower", "disturbed",
              "every round trip to the store takes 50 ms more"),
        Fault("reset_storm", "reset storm", "disturbed",
              "connections to the store are reset again and again"),
        Fault("tracking_lost", "tracking lost", "disturbed",
              "invalidations are swallowed while their connection lives"),
        Fault("subscriber_cut", "subscribers cut", "disturbed",
              "what the store publishes is swallowed, and users are revoked meanwhile"),
        Fault("replica_killed", "replica killed", "replica",
              "one of the replicas is killed and started again"),
        Fault("replica_killed_after_loss", "replica killed after a loss", "replica",
              "the same, after the store was lost and came back empty"),
    )
}  # fmt: skip


def fault_named(name: str) -> Fault:
    """One that is not known here is called by its name and promises nothing more."""
    return _KNOWN.get(name) or Fault(name, name.replace("_", " "), "other", "as it is called")

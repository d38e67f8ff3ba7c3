"""How one trial went, as the runner saw it: what it did and when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadtests.model import Arm, LawRecord, Outage, PlannedSlice
from loadtests.outage.faults import FAULTS, Fault


@dataclass(frozen=True, slots=True)
class Course:
    """Times in ns from the trial's begin. The fault was called at `began_ns` and stood from
    `struck_ns`; what undid it was called at `mending_ns` and was done by `mended_ns` (by arm, or
    under "" for all). `killed_replica`: which one of each arm."""

    began_ns: int
    struck_ns: int
    mending_ns: int
    mended_ns: Mapping[str, int]
    killed_replica: int | None = None
    added_delay_p50_s: float | None = None
    added_delay_p99_s: float | None = None
    busy_share: float | None = None

    def mended_of_ns(self, arm: str) -> int:
        return self.mended_ns.get(arm, self.mended_ns.get("", self.mending_ns))


@dataclass(frozen=True, slots=True)
class Case:
    """One arm in one trial: all that is known before what was seen of it. `deadline_s`: how long a
    server waits for the store at the longest."""

    planned: PlannedSlice
    trial: int
    arm: Arm
    law: LawRecord
    outage: Outage
    course: Course
    started_s: float
    deadline_s: float
    needs_store: bool

    @property
    def left_s(self) -> float:
        """Of the trial, when the arm's fault was mended."""
        return self.outage.trial_s - self.course.mended_of_ns(self.arm.name) / 1e9

    @property
    def fault(self) -> Fault:
        return FAULTS[self.outage.fault]

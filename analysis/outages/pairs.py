"""An arm under a fault: the trials there were, and what they say together.

Trials are too few for intervals, so what is said of them is the median and the range, or the
worst of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.outages.bins import (
    failures,
    first_failure_s,
    outcomes_between,
    outcomes_down,
    success_share,
)
from analysis.outages.faults import GROUPS, Fault, fault_named
from analysis.outages.spread import Spread
from analysis.reading import Reading
from loadtests.checks import LEAST_LEFT_S
from loadtests.model import OutagePolicy, OutageRecord


@dataclass(frozen=True, slots=True)
class Pair:
    """One arm under one fault. `expected`: how many trials there should be, none where the arm
    takes no part; `impossible` says why it was left out of the run."""

    arm: str
    phase: str
    fault: Fault
    expected: int
    trials: tuple[OutageRecord, ...]
    impossible: str | None = None

    @property
    def heading(self) -> str:
        """The fault's label, with the phase's name where that says more."""
        said_already = self.phase == self.fault.name
        return self.fault.label if said_already else f"{self.fault.label} ({self.phase})"

    @property
    def absence(self) -> str | None:
        """Why there is nothing to tell; None where there is a trial."""
        if self.trials:
            return None
        if self.impossible is not None:
            return "impossible"
        return "not measured" if self.expected else "took no part"

    @property
    def missing(self) -> int:
        return 0 if self.impossible else max(0, self.expected - len(self.trials))

    @property
    def policy(self) -> OutagePolicy | None:
        return self.trials[0].policy if self.trials else None

    @property
    def broken(self) -> tuple[OutageRecord, ...]:
        """The trials in which the declared policy was not held."""
        return tuple(trial for trial in self.trials if not trial.policy_held)

    @property
    def ever_failed(self) -> bool:
        """Whether any good user's request failed since the fault."""
        return self.first_error_after_s is not None

    @property
    def success_down(self) -> Spread | None:
        """Share of good users' requests that succeeded while the fault stood."""
        shares = (success_share(outcomes_down(trial)) for trial in self.trials)
        return Spread.of(share for share in shares if share is not None)

    @property
    def failed_before(self) -> bool:
        """Whether any request failed while nothing was broken yet. What fell due within a bin of
        the fault was still under way when it came."""
        return any((t.first_error_s or t.fault_s) < t.fault_s - t.bin_s for t in self.trials)

    @property
    def first_error_after_s(self) -> Spread | None:
        """From the fault to the first failure since, of the trials that had one."""
        firsts = ((trial, first_failure_s(trial)) for trial in self.trials)
        return Spread.of(at_s - trial.fault_s for trial, at_s in firsts if at_s is not None)

    @property
    def recovery_s(self) -> Spread | None:
        """From the mend until all succeed again, of the trials in which something failed and
        that came so far."""
        return Spread.of(
            max(0.0, trial.recovered_s - trial.mended_s)
            for trial in self.trials
            if trial.recovered_s is not None and first_failure_s(trial) is not None
        )

    @property
    def never_recovered(self) -> int:
        """Trials in which it could have been seen to come back, and did not."""
        return sum(trial.recovered_s is None and _has_time(trial) for trial in self.trials)

    @property
    def ended_too_soon(self) -> int:
        """Trials that ended so soon after the mend that no recovery could show."""
        return sum(trial.recovered_s is None and not _has_time(trial) for trial in self.trials)

    @property
    def worst_response_s(self) -> float:
        return max((trial.worst_response_s for trial in self.trials), default=0.0)

    @property
    def failed_with(self) -> str | None:
        """What most failures were: while the fault stood, or when none were then, since."""
        down: Counter[str] = Counter()
        since: Counter[str] = Counter()
        for trial in self.trials:
            down += failures(outcomes_down(trial))
            since += failures(outcomes_between(trial, trial.fault_s, trial.bin_s * len(trial.bins)))
        common = (down or since).most_common(1)
        return common[0][0] if common else None

    @property
    def failed_once_begun(self) -> float:
        """Share of requests that failed between the first failure and the mend, in all trials."""
        begun: Counter[str] = Counter()
        for trial in self.trials:
            first_s = first_failure_s(trial)
            if first_s is not None:
                begun += outcomes_between(trial, first_s, trial.mended_s)
        share = success_share(begun)
        return 0.0 if share is None else 1 - share

    def total(self, count: Callable[[OutageRecord], int]) -> int:
        return sum(count(trial) for trial in self.trials)

    def worst(self, value: Callable[[OutageRecord], float | None]) -> float | None:
        known = [found for found in map(value, self.trials) if found is not None]
        return max(known, default=None)


def _has_time(trial: OutageRecord) -> bool:
    return trial.ended_s - trial.mended_s >= LEAST_LEFT_S


def pairs_of(reading: Reading) -> tuple[Pair, ...]:
    """Every arm under every fault, faults by group and as planned; also those without a trial.

    As many trials are expected of an arm as were planned, or as any other arm went through.
    """
    groups = list(GROUPS)
    return tuple(sorted(_pairs(reading), key=lambda pair: groups.index(pair.fault.group)))


def _pairs(reading: Reading) -> Iterator[Pair]:
    for phase in reading.outage_phases:
        mine = [record for record in reading.outages if record.phase == phase.name]
        asked = phase.outage.fault if phase.outage is not None else phase.name
        fault = fault_named(mine[0].fault if mine else asked)
        planned = phase.rounds * reading.experiment.blocks if phase.kind == "outage" else 0
        everybody = max(planned, len({(record.block, record.trial) for record in mine}))
        partakers = reading.experiment.arms_in(phase)
        for arm in reading.experiment.arms:
            trials = tuple(record for record in mine if record.arm == arm.name)
            impossible = reading.impossible.get(arm.name)
            expected = everybody if arm in partakers else 0
            yield Pair(arm.name, phase.name, fault, expected, trials, impossible)

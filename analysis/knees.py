"""The knee of an arm in a block: the highest rate that met the limit, judged anew from the probes.

Nothing here trusts what the generator concluded: every probe's percentile is computed from its
own histograms, over every request that fell due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.checks import meets, probe_p99_ms
from loadtests.model import Phase, SliceRecord

# A search cut short by its rounds still tells something until its bracket is this many times too
# wide.
WIDEST = 2.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: the rate offered, p99 of response time (infinite: requests failed), and whether
    the limit was met."""

    rate_rps: float
    p99_ms: float
    met: bool

    @classmethod
    def of(cls, record: SliceRecord, phase: Phase) -> Probe | None:
        """None where the phase searches for nothing."""
        if phase.search is None or record.load.rate_rps is None:
            return None
        return cls(record.load.rate_rps, probe_p99_ms(record), meets(record, phase.search))


@dataclass(frozen=True, slots=True)
class Knee:
    """Where a block's probes change from met to missed; None: they never do. `is_narrow`: about
    as near to one another as the search was asked for."""

    held_rps: float | None
    missed_rps: float | None
    is_narrow: bool


def knee_of(probes: Sequence[Probe], phase: Phase) -> Knee | None:
    """None without probes."""
    if phase.search is None or not probes:
        return None
    answers = [(probe.rate_rps, probe.met) for probe in probes]
    bracket = phase.search.bracket(answers)
    return Knee(*bracket, is_narrow=phase.search.is_narrow(bracket, WIDEST))

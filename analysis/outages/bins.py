"""Outcomes by due time: a trial's bins as counts over a stretch, and as shares in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from loadtests.checks import is_success
from loadtests.model import OutageRecord

Numbers = NDArray[np.float64]
Wanted = Callable[[str], bool]

# A fault is done at a planned time: 5.0 s may have been noted as 4.9999.
_SLACK_BINS = 0.01


def outcomes_between(record: OutageRecord, begin_s: float, end_s: float) -> Counter[str]:
    """Outcomes of the bins that lie wholly within these times of the trial."""
    first = int(np.ceil(begin_s / record.bin_s - _SLACK_BINS))
    last = int(np.floor(end_s / record.bin_s + _SLACK_BINS))
    total: Counter[str] = Counter()
    for one in record.bins[max(first, 0) : max(last, 0)]:
        total.update(one)
    return total


def outcomes_down(record: OutageRecord) -> Counter[str]:
    """Outcomes while the fault stood."""
    return outcomes_between(record, record.fault_s, record.mended_s)


def first_failure_s(record: OutageRecord) -> float | None:
    """When the first request since the fault was due that failed, from the trial's begin.

    To the bin, where another had failed before the fault.
    """
    if record.first_error_s is None or record.first_error_s >= record.fault_s:
        return record.first_error_s
    for number, one in enumerate(record.bins):
        at_s = number * record.bin_s
        if at_s >= record.fault_s - _SLACK_BINS * record.bin_s and failures(Counter(one)):
            return max(at_s, record.fault_s)
    return None


def failures(outcomes: Counter[str]) -> Counter[str]:
    return Counter({name: n for name, n in outcomes.items() if not is_success(name) and n})


def success_share(outcomes: Counter[str]) -> float | None:
    """None when no request was due."""
    total = outcomes.total()
    return 1 - failures(outcomes).total() / total if total else None


def share_at(record: OutageRecord, since_fault_s: Numbers, wanted: Wanted) -> Numbers:
    """Of the requests due in the bin of each time, the share with a wanted outcome.

    NaN where the trial has no such bin, or no request was due in it.
    """
    shares = np.array([_share(one, wanted) for one in record.bins] or [np.nan])
    places = np.floor((since_fault_s + record.fault_s) / record.bin_s + _SLACK_BINS).astype(int)
    inside = (places >= 0) & (places < len(record.bins))
    return np.where(inside, shares[np.where(inside, places, 0)], np.nan)


def times_of(records: Sequence[OutageRecord]) -> Numbers:
    """Middles of bins in seconds since the fault, over all that any of the trials saw."""
    bin_s = max(record.bin_s for record in records)
    begin_s = min(-record.fault_s for record in records)
    end_s = max(record.bin_s * len(record.bins) - record.fault_s for record in records)
    first, last = (round(edge_s / bin_s) for edge_s in (begin_s, end_s))
    return (np.arange(first, last, dtype=np.float64) + 0.5) * bin_s


def middle_and_range(
    records: Sequence[OutageRecord], times_s: Numbers, wanted: Wanted = is_success
) -> tuple[Numbers, Numbers, Numbers]:
    """Median, least and largest share over the trials at each time; NaN where none has one."""
    shares = np.array([share_at(record, times_s, wanted) for record in records])
    known = ~np.isnan(shares).all(axis=0)
    result = np.full((3, len(times_s)), np.nan)
    result[0, known] = np.nanmedian(shares[:, known], axis=0)
    result[1, known] = np.nanmin(shares[:, known], axis=0)
    result[2, known] = np.nanmax(shares[:, known], axis=0)
    return result[0], result[1], result[2]


def held(values: Numbers) -> Numbers:
    """A value that is not known, between two that are, is the one before: no request was due."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return values
    last_known = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    times = np.arange(len(values))
    between = (times > known[0]) & (times < known[-1])
    return np.where(between, values[last_known], values)


def runs(times_s: Numbers, *series: Numbers) -> tuple[Numbers, tuple[Numbers, ...]]:
    """The same steps in as few as can be: neighbours in which no series changes become one.

    `times_s` are middles, evenly spaced; what comes back are the edges, one more than the values.
    """
    values = np.array(series)
    left, right = values[:, :-1], values[:, 1:]
    differs = ((left != right) & ~(np.isnan(left) & np.isnan(right))).any(axis=0)
    begins = np.concatenate([[0], np.flatnonzero(differs) + 1])
    half_s = (times_s[1] - times_s[0]) / 2 if len(times_s) > 1 else 0.5
    edges = np.append(times_s[begins] - half_s, times_s[-1] + half_s)
    return edges, tuple(values[:, begins])


def _share(counts: Mapping[str, int], wanted: Wanted) -> float:
    total = sum(counts.values())
    return sum(n for name, n in counts.items() if wanted(name)) / total if total else np.nan

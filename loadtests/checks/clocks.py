"""Findings about the clock of the CPUs: what changed it changed every number with it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from loadtests.checks.rules import FREQUENCY_CHANGED, THROTTLED
from loadtests.model import Finding, Phase, SliceRecord

# CPU a request follows the clock one to one, and 5% is more than comparisons tell apart.
CLOCK_CHANGE_LIMIT = 0.05


def clock_findings(phase: Phase, by_arm: Mapping[str, Sequence[SliceRecord]]) -> list[Finding]:
    """Over the slices of every arm in a phase; nothing where the clocks cannot be read."""
    slices = [record for of_arm in by_arm.values() for record in of_arm]
    return [*_frequency(phase, slices), *_throttled(phase, slices)]


def _frequency(phase: Phase, slices: Sequence[SliceRecord]) -> list[Finding]:
    found = []
    for what, key in (("arm", lambda s: s.arm), ("block", lambda s: s.block)):
        clocks = _medians_mhz(slices, key)
        if not clocks:
            continue
        slowest, fastest = min(clocks, key=clocks.__getitem__), max(clocks, key=clocks.__getitem__)
        if clocks[slowest] < (1 - CLOCK_CHANGE_LIMIT) * clocks[fastest]:
            found.append(
                f"{what} {slowest} at {clocks[slowest]:.0f} MHz, "
                f"{what} {fastest} at {clocks[fastest]:.0f} MHz"
            )
    return [FREQUENCY_CHANGED.found(None, phase.name, "; ".join(found))] if found else []


def _medians_mhz(
    slices: Iterable[SliceRecord], key: Callable[[SliceRecord], object]
) -> dict[object, float]:
    clocks: dict[object, list[float]] = defaultdict(list)
    for record in slices:
        if record.cpu_mhz is not None:
            clocks[key(record)].append(record.cpu_mhz)
    return {each: median(mhz) for each, mhz in clocks.items()}


def _throttled(phase: Phase, slices: Sequence[SliceRecord]) -> list[Finding]:
    held_back = sum(bool(record.throttled) for record in slices)
    if not held_back:
        return []
    return [THROTTLED.found(None, phase.name, f"in {held_back} of {len(slices)} slices")]

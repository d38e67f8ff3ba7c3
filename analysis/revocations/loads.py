"""Phases of trials by the load they were made under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadtests.model import Phase, RevocationRecord

# What a deployment at ease looks like: the load that one number stands for.
USUAL_LOAD = 0.3


def by_load(phases: Iterable[Phase]) -> list[Phase]:
    """The phases that try revocations, the least loaded first."""
    return sorted((p for p in phases if p.trials is not None), key=load_of)


def load_of(phase: Phase) -> float:
    return phase.trials.background_fraction if phase.trials else 0.0


def usual(phases: Iterable[Phase]) -> Phase | None:
    """The one whose load is nearest to the usual one; of two as near, the first planned."""
    tried = [phase for phase in phases if phase.trials is not None]
    return min(tried, key=lambda phase: abs(load_of(phase) - USUAL_LOAD), default=None)


def load_text(phase: Phase, phases: Iterable[Phase]) -> str:
    """`30%`, and the phase's name where another has the same load."""
    alike = [p for p in phases if p.trials and load_of(p) == load_of(phase)]
    said = f"{load_of(phase):.0%}"
    return said if len(alike) < 2 else f"{said} ({phase.name})"


def at_load(phase: Phase, phases: Iterable[Phase]) -> str:
    """` at 30% load`, to tell phases apart; nothing where there is one."""
    tried = [p for p in phases if p.trials is not None]
    return "" if len(tried) < 2 else f" at {load_text(phase, tried)} load"


def offered(lines: Sequence[RevocationRecord]) -> tuple[float, float] | None:
    """The least and the most that was really offered, as a share of capacity; None: unknown."""
    known = [line.load_fraction for line in lines if line.load_asked is not None]
    known = [share for share in known if share > 0]
    return (min(known), max(known)) if known else None

"""Readings of a few lines in one call."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from analysis.frame import COLUMNS
from analysis.reading import Reading
from loadtests.model import (
    Arm,
    BlockFacts,
    LawRecord,
    Phase,
    RevocationRecord,
    RunRecord,
    Setting,
    Trials,
)
from tests.builders import a_phase, a_run, a_trial, an_arm, an_experiment

ARM = "session_tracking"


def a_run_of(
    bound_s: float | None,
    settings: dict[str, Setting] | None = None,
    phases: tuple[Phase, ...] | None = None,
    **changes: Any,
) -> RunRecord:
    """One arm whose law has that bound."""
    arm: Arm = an_arm(ARM, replicas=4, settings=settings or {})
    tried = phases or (a_phase("revocation"),)
    run = a_run(an_experiment(arms=(arm,), reference=ARM, phases=tried), **changes)
    law = LawRecord(bound_s, "as its file says", "503", "as before")
    blocks = (
        BlockFacts(b.block, {n: dataclasses.replace(f, law=law) for n, f in b.arms.items()})
        for b in run.blocks
    )
    return dataclasses.replace(run, blocks=tuple(blocks))


def a_reading(
    run: RunRecord, *lines: RevocationRecord, frame: pd.DataFrame | None = None
) -> Reading:
    return Reading(
        run=run,
        frame=pd.DataFrame(columns=list(COLUMNS)) if frame is None else frame,
        cells=(),
        curves={},
        revocations=lines,
        unreadable=(),
        repeated_rounds=0,
    )


def a_line(low_s: float = 0.0, high_s: float | None = 0.001, **changes: Any) -> RevocationRecord:
    """A telling line of the arm, watched for longer than any bound here unless told otherwise."""
    accepted = 1 if low_s > 0 else 0
    line = a_trial(
        arm=ARM,
        lag_low_s=low_s,
        lag_high_s=high_s,
        accepted_after_ack=accepted,
        effective_within_s=None,
        probe_every_s=0.002,
        spacing_p99_s=0.0022,
        watched_s=60.0,
    )
    return dataclasses.replace(line, **changes)


def a_load(name: str, fraction: float) -> Phase:
    trials = Trials(2, 2, 0.002, ttl_s=3, background_fraction=fraction)
    return dataclasses.replace(a_phase("revocation", trials=trials), name=name)

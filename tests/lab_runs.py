"""A run of the revocation lab in one line: every strategy on trial under several loads, with lags
as each strategy's way of learning makes them; seeded and plausible."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtests.model import (
    Arm,
    ArmFacts,
    BlockFacts,
    Experiment,
    LawRecord,
    Load,
    Phase,
    RevocationRecord,
    RunRecord,
    Setting,
    SliceRecord,
    Trials,
)
from tests.builders import a_phase, a_run, a_trial, an_arm, an_experiment
from tests.run_folders import slices_of, write_run_folder

LIFE_S = 3
REPLICAS = 4
_LIFE: dict[str, Setting] = {"token_ttl_s": LIFE_S}
_PUSHED: dict[str, Setting] = {"token_ttl_s": LIFE_S, "staleness_s": 1}

# Strategy -> its settings here, the bound of its law, and how it learns of a revocation.
LEARNING: dict[str, tuple[dict[str, Setting], float | None, str]] = {
    "none": ({}, None, "never"),
    "session_redis": ({}, 0.0, "asks"),
    "session_redis_batched": ({}, 0.0, "asks"),
    "session_nearcache": ({"cache_ttl_s": 1}, 1.0, "asks again"),
    "session_tracking": ({"staleness_s": 1}, 1.0, "is told"),
    "jwt_hs256": (_LIFE, 3.0, "expires"),
    "jwt_rs256": (_LIFE, 3.0, "expires"),
    "jwt_es256": (_LIFE, 3.0, "expires"),
    "jwt_eddsa": (_LIFE, 3.0, "expires"),
    "jwt_cached": (_LIFE, 3.0, "expires"),
    "jwt_denylist_redis": (_LIFE, 0.0, "asks"),
    "jwt_denylist_pubsub": (_LIFE, 3.0, "is told"),
    "jwt_denylist_push": (_PUSHED, 1.0, "is told"),
    "jwt_epoch": (_PUSHED, 1.0, "is told"),
    "jwt_refresh": ({"access_ttl_s": LIFE_S}, 3.0, "expires"),
}
REPRESENTATIVES = (
    "session_redis", "session_nearcache", "session_tracking", "jwt_denylist_push", "jwt_epoch",
    "jwt_hs256",
)  # fmt: skip
_FIXED_ROLES = {"jwt_hs256", "jwt_rs256", "jwt_es256", "jwt_eddsa", "jwt_cached", "none"}
_TOLD_MEDIAN_S = {0.0: 0.0006, 0.3: 0.001, 0.8: 0.004}


def a_load(name: str, fraction: float, **changes: Any) -> Phase:
    trials = Trials(None, None, None, ttl_s=LIFE_S, background_fraction=fraction)
    phase = a_phase("revocation", rounds=1, trials=trials)
    return dataclasses.replace(phase, name=name, **changes)


ARMS = tuple(
    an_arm(name, replicas=REPLICAS, settings=settings)
    for name, (settings, _, _) in LEARNING.items()
)
PHASES = (
    a_phase("capacity", rounds=2),
    a_load("revocation", 0.3),
    a_load("revocation-idle", 0.0, arms=REPRESENTATIVES),
    a_load("revocation-busy", 0.8, arms=REPRESENTATIVES),
)


def a_lab(**changes: Any) -> Experiment:
    """Fifteen arms of four replicas; three loads, 0% and 80% for six representatives."""
    whole = {"name": "revocation", "arms": ARMS, "phases": PHASES} | changes
    return an_experiment(**whole)


def a_lab_run(experiment: Experiment | None = None, **changes: Any) -> RunRecord:
    run = a_run(experiment or a_lab(), **changes)
    blocks = (
        BlockFacts(
            b.block, {name: _facts(run.experiment.arm(name), f) for name, f in b.arms.items()}
        )
        for b in run.blocks
    )
    return dataclasses.replace(run, blocks=tuple(blocks))


def lab_lines(experiment: Experiment, seed: int = 1) -> Iterator[RevocationRecord]:
    """Every trial as every replica saw it; each third is of a role, where roles can change."""
    draw = random.Random(seed)  # noqa: S311 — plausible numbers, no secret
    for block in range(experiment.blocks):
        for phase in experiment.phases:
            for arm in experiment.arms_in(phase) if phase.trials else ():
                yield from _slice_lines(experiment, block, phase, arm, draw)


def lab_slices(experiment: Experiment) -> Iterator[SliceRecord]:
    """Only arms that take part; nothing is asked of an idle phase's background."""
    for record in slices_of(experiment):
        phase = experiment.phase(record.phase)
        if experiment.arm(record.arm) not in experiment.arms_in(phase):
            continue
        if phase.trials is None:
            yield record
        elif phase.trials.background_fraction:
            yield dataclasses.replace(record, load=Load("poisson", rate_rps=3_000.0))
        else:
            yield dataclasses.replace(record, endpoints={}, completed=0)


def write_lab_folder(results: Path, run: RunRecord | None = None, **changes: Any) -> Path:
    """`changes`: `slices` or `trials` other than the plausible ones."""
    run = run or a_lab_run()
    whole: dict[str, Any] = {
        "slices": tuple(lab_slices(run.experiment)),
        "trials": tuple(lab_lines(run.experiment)),
    }
    return write_run_folder(results, run, **(whole | changes))


def _facts(arm: Arm, facts: ArmFacts) -> ArmFacts:
    bound_s = LEARNING[arm.strategy][1]
    words = "never" if bound_s is None else f"within {bound_s:g} s"
    why = "the role stands in the token" if arm.strategy in _FIXED_ROLES else None
    law = LawRecord(bound_s, words, "as its file says", "as before")
    return dataclasses.replace(facts, law=law, fixed_roles=why)


def _slice_lines(
    experiment: Experiment, block: int, phase: Phase, arm: Arm, draw: random.Random
) -> Iterator[RevocationRecord]:
    assert phase.trials is not None
    bound_s = LEARNING[arm.strategy][1]
    spacing_s = phase.trials.spacing_s(bound_s)
    count = phase.trials.in_a_slice(bound_s, experiment.blocks)
    for trial in range(count):
        is_role = trial % 3 == 2 and arm.strategy not in _FIXED_ROLES
        how = "role" if is_role else ("kick", "logout")[trial % 2]
        acked_s = block * 100.0 + trial + draw.random()
        via, left_s = draw.randrange(arm.replicas), LIFE_S - draw.uniform(0.1, 1.1)
        for replica in range(arm.replicas):
            lag_s = _true_lag_s(arm, phase, replica == via, left_s, draw)
            seen = _seen(lag_s, left_s, spacing_s, acked_s, draw)
            yield a_trial(
                block=block,
                phase=phase.name,
                arm=arm.name,
                trial=trial,
                how=how,
                via_replica=via,
                replica=replica,
                sent_s=acked_s - 0.001,
                acked_s=acked_s,
                effective_within_s=bound_s,
                load_fraction=phase.trials.background_fraction * draw.uniform(0.96, 1.05) or 0.11,
                load_asked=phase.trials.background_fraction,
                probe_every_s=spacing_s,
                spacing_p99_s=spacing_s * draw.uniform(1.02, 1.4),
                ttl_s=None if arm.strategy == "none" else float(LIFE_S),
                **seen,
            )


def _true_lag_s(arm: Arm, phase: Phase, is_via: bool, left_s: float, draw: random.Random) -> float:
    how = LEARNING[arm.strategy][2]
    if how == "never":
        return math.inf
    if how == "expires":
        return left_s
    if how == "asks" or is_via:
        return -draw.uniform(0, 0.0008)
    if how == "asks again":
        return draw.uniform(0, 0.998)
    median_s = _TOLD_MEDIAN_S[phase.trials.background_fraction if phase.trials else 0.3]
    return min(median_s * draw.lognormvariate(0, 0.6), 0.9)


def _seen(
    lag_s: float, left_s: float, spacing_s: float, acked_s: float, draw: random.Random
) -> dict[str, Any]:
    """What probes see of a replica that refuses from `lag_s` after the acknowledgement on."""
    if math.isinf(lag_s):
        accepted = int((left_s + 0.3) / spacing_s)
        return {
            "last_accepted_sent_s": acked_s + left_s + 0.3,
            "first_rejected_sent_s": None,
            "lag_low_s": left_s + 0.3,
            "lag_high_s": None,
            "probes": accepted + 20,
            "accepted_after_ack": accepted,
            "requests_at_risk": accepted,
            "watched_s": left_s + 0.3,
        }
    last_s = lag_s - draw.uniform(0, spacing_s)
    first_s = last_s + spacing_s
    at_risk = max(0, int(max(0.0, last_s) / spacing_s) + (last_s > 0))
    return {
        "last_accepted_sent_s": acked_s + last_s,
        "first_rejected_sent_s": acked_s + first_s,
        "lag_low_s": max(0.0, last_s),
        "lag_high_s": max(0.0, first_s),
        "probes": at_risk + 60,
        "accepted_after_ack": at_risk,
        "requests_at_risk": at_risk,
        "watched_s": max(0.0, first_s) + 20 * spacing_s,
    }

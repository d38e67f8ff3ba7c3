"""A run of every strategy in one line: its servers’ own laws, plausible costs and lags."""

from __future__ import annotations

import dataclasses
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
    RevocationRecord,
    RunRecord,
    SliceRecord,
)
from servers.options import parse_options
from servers.strategy import StrategySpec, available, load
from tests.builders import TRIALS, a_phase, a_run, a_trial, an_arm, an_endpoint, an_experiment
from tests.run_folders import slices_of, write_run_folder

# CPU µs of a request in server and store, and what a kicked user's stay comes to: the median of the
# lag in seconds and its spread as a factor; no lag where only the law ends it.
COSTS: dict[str, tuple[float, float]] = {
    "none": (42, 0), "session_redis": (98, 17), "session_redis_batched": (56, 7),
    "session_nearcache": (50, 0.2), "session_tracking": (49, 0.4), "jwt_hs256": (88, 0),
    "jwt_rs256": (112, 0), "jwt_es256": (158, 0), "jwt_eddsa": (186, 0), "jwt_cached": (49, 0),
    "jwt_denylist_redis": (139, 18), "jwt_denylist_pubsub": (91, 0),
    "jwt_denylist_push": (93, 0.5), "jwt_epoch": (92, 0.5), "jwt_refresh": (89, 0),
}  # fmt: skip
LAGS_S = {
    "session_redis": (0.0006, 1.6), "session_redis_batched": (0.0008, 1.6),
    "session_nearcache": (0.55, 1.25), "session_tracking": (0.0019, 1.5),
    "jwt_denylist_redis": (0.0007, 1.6), "jwt_denylist_pubsub": (0.0016, 1.5),
    "jwt_denylist_push": (0.0022, 1.5), "jwt_epoch": (0.0021, 1.5),
}  # fmt: skip
# What the laws say of a store that is away.
DOWN = {
    "session_nearcache": "within_law", "session_tracking": "within_law",
    "jwt_denylist_push": "within_law", "jwt_epoch": "within_law",
    "jwt_denylist_pubsub": "serves", "jwt_refresh": "serves",
}  # fmt: skip
CACHED = an_arm(
    "jwt_epoch-cached", strategy="jwt_epoch", settings={"verified_cache_entries": 65_536}
)
ARMS = (
    *(an_arm(name) for name in ("none", *(n for n in available() if n != "none"))),
    CACHED,
    an_arm("session_redis#2"),
)
PHASES = tuple(
    a_phase(name, rounds=rounds)
    for name, rounds in (("capacity", 2), ("latency-2000", 4), ("revocation", 6))
)


_PER_SLICE = 2


def the_experiment(**changes: Any) -> Experiment:
    return an_experiment(name="revocation", arms=ARMS, phases=PHASES, **changes)


def the_run(experiment: Experiment | None = None, **changes: Any) -> RunRecord:
    experiment = experiment or the_experiment()
    blocks = tuple(
        BlockFacts(number, {arm.name: facts_of(arm) for arm in experiment.arms})
        for number in range(experiment.blocks)
    )
    return dataclasses.replace(a_run(experiment), blocks=blocks, **changes)


def write_the_run(results: Path, run: RunRecord | None = None, requests: int = 300) -> Path:
    run = run or the_run()
    return write_run_folder(
        results,
        run,
        slices=tuple(slices(run.experiment, requests)),
        trials=tuple(trials(run.experiment)),
    )


def facts_of(arm: Arm) -> ArmFacts:
    """As `--describe` and `/readyz` tell them."""
    spec = load(arm.strategy)
    options = _options(spec, arm)
    law = LawRecord(**{**dataclasses.asdict(spec.law(options)), "down": _down(spec)})
    stored = 412.0 if arm.strategy.startswith("session") else 0.0 if spec.needs_store else None
    return ArmFacts(law, stored, needs_store=spec.needs_store, key_kind=spec.key_kind(options))


def slices(experiment: Experiment, requests: int) -> Iterator[SliceRecord]:
    draw = random.Random(3)  # noqa: S311 — plausible numbers, no secret
    luck = {arm.name: draw.gauss(1, 0.01) for arm in experiment.arms}
    for record in slices_of(experiment, requests=requests):
        arm = experiment.arm(record.arm)
        server_us, store_us = COSTS[arm.strategy]
        server_us = 52.0 if arm == CACHED else server_us
        slow = luck[arm.name] * draw.gauss(1, 0.02)
        spent = dataclasses.replace(
            record.cpu_s,
            server=record.completed * server_us * slow / 1e6,
            store=record.completed * store_us * slow / 1e6,
        )
        # Few different histograms, as each takes a while to make.
        p50_ms = round(0.25 + (server_us + store_us) / 300, 2)
        seed = (7 * record.block + record.round) % 8
        endpoints = {"GET /me": an_endpoint({"200": requests}, p50_ms, seed)}
        yield dataclasses.replace(record, cpu_s=spent, endpoints=endpoints)


def trials(experiment: Experiment) -> Iterator[RevocationRecord]:
    draw = random.Random(4)  # noqa: S311 — as above
    for block in range(experiment.blocks):
        for phase in (phase for phase in experiment.phases if phase.trials):
            for arm in experiment.arms:
                bound_s = facts_of(arm).law.bound_s
                for trial in range(phase.rounds * _PER_SLICE):
                    for replica in range(arm.replicas):
                        yield a_trial(
                            block=block,
                            phase=phase.name,
                            arm=arm.name,
                            trial=trial,
                            replica=replica,
                            effective_within_s=bound_s,
                            **_lag(arm, draw),
                        )


def _lag(arm: Arm, draw: random.Random) -> dict[str, Any]:
    if arm.strategy == "none":
        return {"lag_low_s": 2.5, "lag_high_s": None, "accepted_after_ack": 1_250}
    if arm.strategy not in LAGS_S:
        left_s = TRIALS.ttl_s - draw.uniform(0.02, 0.12)
        return {"lag_low_s": left_s - 0.002, "lag_high_s": left_s + 0.0005}
    middle_s, spread = LAGS_S[arm.strategy]
    high_s = min(middle_s * spread ** draw.gauss(0, 1), 0.998)
    return {"lag_low_s": 0.0 if high_s < 0.005 else high_s - 0.002, "lag_high_s": high_s}


def _down(spec: StrategySpec) -> str:
    return DOWN.get(spec.name, "at_once" if spec.needs_store else "unaffected")


def _options(spec: StrategySpec, arm: Arm) -> Any:
    wanted = [(name, str(value)) for name, value in arm.settings.items()]
    return parse_options(spec.options_type, spec.name, wanted)

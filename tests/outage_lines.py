"""Lines of outages.jsonl as they might be for every strategy and fault; seeded and plausible.

What each strategy does while its store is away, and afterwards, follows docs/strategies.md."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from loadtests.model import (
    Arm,
    ArmFacts,
    Experiment,
    LawRecord,
    Load,
    OutagePolicy,
    OutageRecord,
    Phase,
    RunRecord,
    StoreInfo,
)
from servers.strategy import available, load
from tests.builders import a_phase, a_run, an_arm, an_experiment
from tests.lab_builders import an_outage

FAULTS = (
    "killed_empty", "killed_aof_everysec", "killed_aof_always", "frozen", "half_open", "slow_5ms",
    "slow_50ms", "reset_storm", "tracking_lost", "subscriber_cut", "replica_killed",
    "replica_killed_after_loss",
)  # fmt: skip
FAULT_S, FOR_S, AFTER_S, BIN_S = 5.0, 5.0, 10.0, 0.1
STALENESS_S = 1.0
TIMEOUT_S = 0.25
PER_BIN = 10

Known = Literal["at_once", "within_law", "serves"]
DOWN: dict[str, Known] = {
    "session_redis": "at_once",
    "session_redis_batched": "at_once",
    "jwt_denylist_redis": "at_once",
    "session_nearcache": "within_law",
    "session_tracking": "within_law",
    "jwt_denylist_push": "within_law",
    "jwt_epoch": "within_law",
    "jwt_denylist_pubsub": "serves",
    "jwt_refresh": "serves",
}
# An empty store knows none of their logins, or is of another generation than their tokens.
FORGOTTEN = {name for name, down in DOWN.items() if down != "serves"}
FOLLOWERS = {"session_tracking", "jwt_denylist_push", "jwt_epoch"}
# Who relies on what the store announces, by the fault that swallows it.
HEARD = {
    "tracking_lost": {"session_tracking"},
    "subscriber_cut": {*FOLLOWERS, "jwt_denylist_pubsub"},
}
AWAY = {"killed_empty", "killed_aof_everysec", "killed_aof_always", "frozen", "half_open"}
LOSSES = {"killed_empty", "replica_killed_after_loss"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """From when to when, in seconds since the fault, which share of requests ends how."""

    from_s: float
    to_s: float
    outcome: str
    share: float = 1.0


def an_outage_phase(fault: str, **changes: Any) -> Phase:
    load = Load("poisson", rate_rps=100.0)
    phase = a_phase(fault, kind="outage", load=load, rounds=1, slice_s=FAULT_S + FOR_S + AFTER_S)
    return replace(phase, **changes)


def an_outage_experiment(
    strategies: tuple[str, ...] = (), faults: tuple[str, ...] = FAULTS, **changes: Any
) -> Experiment:
    """Every strategy (or those named) under every fault, three trials each, and nothing else."""
    names = strategies or tuple(sorted(available(), key=_family))
    settings = {
        "name": "outage",
        "question": "What does a dead store do to whom?",
        "blocks": 3,
        "arms": tuple(map(an_arm, names)),
        "reference": names[0],
        "phases": tuple(map(an_outage_phase, faults)),
        **changes,
    }
    return an_experiment(**settings)


def an_outage_run(experiment: Experiment | None = None, **changes: Any) -> RunRecord:
    """One store for all arms, and every arm's own law."""
    experiment = experiment or an_outage_experiment()
    run = a_run(experiment, store=StoreInfo("valkey", "9.1.0", "libc", shared=True))
    facts = {a.name: ArmFacts(laws()[a.strategy], None) for a in experiment.arms}
    blocks = tuple(replace(block, arms=facts, finished=True) for block in run.blocks)
    return replace(run, **{"blocks": blocks, **changes})


def outages_of(experiment: Experiment, seed: int = 1) -> Iterator[OutageRecord]:
    """A line for every trial of every phase of kind `outage`, and every arm."""
    draw = random.Random(seed)  # noqa: S311 — plausible numbers, no secret
    now_s = 0.0
    for block in range(experiment.blocks):
        for phase in experiment.phases:
            for number in range(phase.rounds if phase.kind == "outage" else 0):
                trial = block * phase.rounds + number
                for arm in experiment.arms:
                    place = {"block": block, "phase": phase.name, "trial": trial}
                    yield a_plausible_outage(arm, phase.name, draw, started_s=now_s, **place)
                now_s += FAULT_S + FOR_S + AFTER_S


def a_plausible_outage(arm: Arm, fault: str, draw: random.Random, **changes: Any) -> OutageRecord:
    """One trial of an arm, with all that follows from its bins."""
    mended_s = FAULT_S + (0.9 if fault.startswith("replica") else FOR_S)
    troubles = tuple(_troubles(arm.strategy, fault, draw))
    bins = tuple(_bin((n + 0.5) * BIN_S - FAULT_S, troubles, draw) for n in range(200))
    failing = [n for n, counts in enumerate(bins) if set(counts) - {"200"}]
    denied = sum(counts.get("401", 0) for counts in bins)
    blind = arm.strategy == "jwt_denylist_pubsub" and fault in {*AWAY, "subscriber_cut"}
    expiring = arm.strategy not in DOWN or arm.strategy == "jwt_refresh"
    late = 80 if expiring else 25 if blind else 0
    silent = fault in {"frozen", "half_open"} and arm.strategy in FORGOTTEN
    settings: dict[str, Any] = {
        "fault": fault,
        "arm": arm.name,
        "replicas": arm.replicas,
        "fault_s": FAULT_S,
        "mended_s": mended_s,
        "ended_s": FAULT_S + FOR_S + AFTER_S,
        "bins": bins,
        "first_error_s": failing[0] * BIN_S + draw.uniform(0, 0.02) if failing else None,
        "worst_response_s": TIMEOUT_S + draw.uniform(0, 0.06)
        if silent
        else _slowest_s(fault, draw),
        "recovered_s": max((failing[-1] + 1) * BIN_S, mended_s) if failing else FAULT_S,
        "revokes_ok": draw.randint(24, 32),
        "revokes_indeterminate": draw.randint(2, 6) if arm.strategy in DOWN else 0,
        "probes": draw.randint(900, 1100),
        "accepted_after_ack": late,
        "accepted_after_ack_worst_s": draw.uniform(2, 4) if late else 0.0,
        "logged_out": denied,
        "policy": _policy(arm.strategy, fault),
        "added_delay_p50_s": {"slow_5ms": 0.0051, "slow_50ms": 0.0502}.get(fault, 0.0001),
        "added_delay_p99_s": {"slow_5ms": 0.0064, "slow_50ms": 0.0523}.get(fault, 0.0003),
    }
    return an_outage(**settings | changes)


@cache
def laws() -> dict[str, LawRecord]:
    """Every strategy's law at its defaults."""
    found = {}
    for name in available():
        spec = load(name)
        law = spec.law(spec.options_type())
        found[name] = LawRecord(law.bound_s, law.sentence, law.store_down, law.store_back)
    return found


def _troubles(strategy: str, fault: str, draw: random.Random) -> Iterator[Trouble]:
    back_s = FOR_S + draw.uniform(0.05, 0.3)
    if fault.startswith("replica"):
        yield Trouble(0.0, 0.9 + draw.uniform(0, 0.1), "refused", 0.5)
        if fault in LOSSES and strategy in FORGOTTEN:
            yield Trouble(0.9, 1.4 + draw.uniform(0, 0.2), "401", 0.6)
        return
    down = DOWN.get(strategy)
    if fault in AWAY and down in {"at_once", "within_law"}:
        # A connection that ended tells at once what silence does not.
        told = strategy == "session_tracking" and fault.startswith("killed")
        warm_s = 0.0 if down == "at_once" or told else STALENESS_S - draw.uniform(0, 0.15)
        yield Trouble(warm_s, back_s, "503")
        if fault in LOSSES:
            yield Trouble(back_s, back_s + draw.uniform(0.6, 1.0), "401", 0.7)
    elif fault == "reset_storm" and down in {"at_once", "within_law"}:
        yield Trouble(0.0, back_s, "503", 0.35 if down == "at_once" else 0.06)
    elif fault == "tracking_lost" and strategy == "session_tracking":
        yield Trouble(STALENESS_S, STALENESS_S + draw.uniform(0.2, 0.4), "503", 0.8)
    elif fault == "subscriber_cut" and strategy in FOLLOWERS:
        yield Trouble(STALENESS_S + draw.uniform(0, 0.1), back_s + draw.uniform(0, 0.5), "503")


def _bin(since_fault_s: float, troubles: tuple[Trouble, ...], draw: random.Random) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _ in range(max(4, round(draw.gauss(PER_BIN, 2)))):
        now = next((t for t in troubles if t.from_s <= since_fault_s < t.to_s), None)
        hit = now is not None and draw.random() < now.share
        counts[now.outcome if now is not None and hit else "200"] += 1
    return counts


def _slowest_s(fault: str, draw: random.Random) -> float:
    slow_s = {"slow_5ms": 0.012, "slow_50ms": 0.11, "silent": TIMEOUT_S}.get(fault, 0.004)
    return slow_s * draw.uniform(1, 1.3)


def _family(strategy: str) -> tuple[bool, bool, bool, str]:
    """Nothing, sessions, plain tokens, tokens that can be taken back."""
    is_session = strategy.startswith("session")
    return strategy != "none", not is_session, strategy in DOWN, strategy


def _policy(strategy: str, fault: str) -> OutagePolicy:
    """What an arm's law says of the fault."""
    if fault.startswith("replica"):
        return "serves"
    if fault in HEARD:
        if strategy not in HEARD[fault]:
            return "unaffected"
        return "serves" if strategy == "jwt_denylist_pubsub" else "within_law"
    if fault.startswith("slow") and strategy in DOWN:
        return "serves"
    return DOWN.get(strategy, "unaffected")

"""Slices, trials, experiments and whole run folders in one line each, seeded and plausible."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from loadtests import run_store
from loadtests.histogram import Histogram
from loadtests.model import (
    Arm,
    ArmFacts,
    BlockFacts,
    CpuSeconds,
    EndpointRecord,
    Experiment,
    Finding,
    LawRecord,
    Load,
    Phase,
    Placement,
    RevocationRecord,
    RunRecord,
    SliceRecord,
    StoreInfo,
    Trials,
    WireBytes,
)

CLOSED = Load("closed", users=32)
TRIALS = Trials(per_slice=2, concurrent=2, probe_every_s=0.002, ttl_s=3, background_fraction=0.3)

# What each strategy costs here: CPU µs in the server and store, and the store's bytes per login.
COSTS = {
    "none": (42.0, 0.0, None),
    "session_redis": (98.0, 17.0, 412.0),
    "jwt_hs256": (101.0, 0.0, None),
}
LAWS = {
    "none": LawRecord(None, "never: a user id is accepted for ever", "unaffected", "unaffected"),
    "session_redis": LawRecord(
        0.0, "at once: no request sent after the acknowledgement is accepted", "503", "as before"
    ),
    "jwt_hs256": LawRecord(
        900.0,
        "when the token expires: up to 900 s after the acknowledgement",
        "unaffected",
        "unaffected",
    ),
}


def an_arm(name: str = "session_redis", **changes: Any) -> Arm:
    """`name` is the strategy's too, less a control's suffix."""
    arm = Arm(name, strategy=name.removesuffix("#2"), replicas=2, carrier="bearer")
    return dataclasses.replace(arm, **changes)


def a_phase(name: str = "capacity", **changes: Any) -> Phase:
    """A phase whose kind and load follow from its name: `capacity`, `latency-2000`, `login` …"""
    kind, _, rate = name.partition("-")
    load = Load("poisson", rate_rps=float(rate)) if rate else CLOSED
    scenario = {"login": "login_storm", "revocation": "revocation"}.get(kind, "browse")
    phase = Phase(
        name,
        kind,  # type: ignore[arg-type]  # a name that is no kind fails in the test that made it
        scenario,
        load,
        rounds=4,
        slice_s=0.9,
        guard_s=0.1,
        trials=TRIALS if kind == "revocation" else None,
    )
    return dataclasses.replace(phase, **changes)


ARMS = tuple(an_arm(name) for name in ("none", "session_redis", "jwt_hs256", "session_redis#2"))
PHASES = tuple(
    a_phase(name) for name in ("capacity", "latency-1000", "latency-2000", "login", "revocation")
)


def an_experiment(**changes: Any) -> Experiment:
    """The headline's shape: three strategies and the control, five phases, five blocks."""
    experiment = Experiment(
        name="headline",
        question="What does each design cost per request?",
        seed=7,
        blocks=5,
        arms=ARMS,
        reference="session_redis",
        phases=PHASES,
        population=10_000,
        pool_users=256,
        request_timeout_s=5.0,
        warm_up_s=1.0,
        max_repeats=2,
        server={"argon2_time_cost": 1, "argon2_memory_kib": 1024},
    )
    return dataclasses.replace(experiment, **changes)


def an_endpoint(
    outcomes: Mapping[str, int] | None = None, p50_ms: float = 1.0, seed: int = 0
) -> EndpointRecord:
    """A log-normal spread around `p50_ms`, over as many samples as were answered."""
    counted = outcomes or {"200": 300}
    answered = sum(n for outcome, n in counted.items() if outcome.isdecimal())
    text = a_histogram(round(p50_ms * 1e6), answered, seed)
    return EndpointRecord(counted, response=text, service=text)


@lru_cache(maxsize=4096)
def a_histogram(p50_ns: int, samples: int, seed: int = 0) -> str:
    draw = random.Random(seed)  # noqa: S311 — plausible numbers, no secret
    values_ns = (int(p50_ns * draw.lognormvariate(0, 0.5)) for _ in range(samples))
    return Histogram.of(values_ns).to_text()


def a_slice(**changes: Any) -> SliceRecord:
    endpoints = {"GET /me": an_endpoint({"200": 285}), "PUT /state": an_endpoint({"200": 15})}
    record = SliceRecord(
        block=0,
        phase="capacity",
        round=0,
        attempt=0,
        arm="session_redis",
        replicas=2,
        started_s=0.0,
        duration_s=0.9,
        drained_after_s=0.91,
        load=CLOSED,
        endpoints=endpoints,
        completed=310,
        offered=0,
        unsent=0,
        pool_exhausted=0,
        dispatch_lag=a_histogram(35_000, 50),
        cpu_s=CpuSeconds(server=0.031, store=0.005, generator=0.02),
        steal_s=0.0,
        foreign_cpu_s=0.0,
        wire_bytes=WireBytes(sent=310 * 380, received=310 * 235),
    )
    return dataclasses.replace(record, **changes)


def a_trial(**changes: Any) -> RevocationRecord:
    record = RevocationRecord(
        block=0,
        trial=0,
        arm="session_redis",
        how="kick",
        via_replica=0,
        replica=0,
        revoke="ok",
        sent_s=40.0,
        acked_s=40.001,
        effective_within_s=0.0,
        last_accepted_sent_s=39.999,
        first_rejected_sent_s=40.002,
        lag_low_s=0.0,
        lag_high_s=0.001,
        probes=200,
        accepted_after_ack=0,
        reaccepted=0,
        load_fraction=0.3,
    )
    return dataclasses.replace(record, **changes)


def a_finding(severity: str = "warning", **changes: Any) -> Finding:
    finding = Finding(
        "generator_busy",
        severity,  # type: ignore[arg-type]  # as above
        "the generator was 88% busy",
        "give it a core of its own",
    )
    return dataclasses.replace(finding, **changes)


def a_run(experiment: Experiment | None = None, **changes: Any) -> RunRecord:
    experiment = experiment or an_experiment()
    run = RunRecord(
        experiment=experiment,
        seed=experiment.seed,
        started_at="2025-01-01T12:00:00Z",
        finished_at="2025-01-01T12:05:00Z",
        status="finished",
        environment={"cpu": "a plausible CPU", "cpus": 2, "kernel": "6.1", "python": "3.11.9"},
        placement=Placement(server_cpus=(0,), store_cpus=(0,), generator_cpus=(1,)),
        git_commit="0123456789abcdef",
        store=StoreInfo("valkey", "9.1.0", "libc", shared=False),
        blocks=tuple(a_block(experiment, block) for block in range(experiment.blocks)),
    )
    return dataclasses.replace(run, **changes)


def a_block(experiment: Experiment, block: int, findings: Sequence[Finding] = ()) -> BlockFacts:
    arms = {arm.name: _facts(arm, block) for arm in experiment.arms}
    return BlockFacts(block, arms, tuple(findings))


def slices_of(experiment: Experiment, seed: int = 1, requests: int = 300) -> Iterator[SliceRecord]:
    """Every planned slice, `requests` in each, arms shuffled within a round, costs as `COSTS`."""
    draw = random.Random(seed)  # noqa: S311 — as above
    now_s = 0.0
    for block in range(experiment.blocks):
        luck = {arm.name: draw.gauss(1, 0.01) for arm in experiment.arms}
        for phase in experiment.phases:
            for number in range(phase.rounds):
                for arm in draw.sample(experiment.arms, len(experiment.arms)):
                    slow = luck[arm.name] * draw.gauss(1, 0.02)
                    planned = a_slice(block=block, phase=phase.name, round=number, arm=arm.name)
                    yield _measured(planned, phase, arm, now_s, slow, requests)
                    now_s += phase.slice_s + phase.guard_s


def trials_of(experiment: Experiment, seed: int = 1) -> Iterator[RevocationRecord]:
    """Every trial as every replica saw it, by the laws of `LAWS`."""
    draw = random.Random(seed)  # noqa: S311 — as above
    for block in range(experiment.blocks):
        for phase in experiment.phases:
            for arm in experiment.arms:
                for trial in range(phase.rounds * phase.trials.per_slice if phase.trials else 0):
                    left_s = draw.uniform(0.4, 0.9) * (phase.trials or TRIALS).ttl_s
                    for replica in range(arm.replicas):
                        yield _seen(block, phase, arm, trial, replica, left_s, draw)


def write_run_folder(
    results: Path,
    run: RunRecord | None = None,
    *,
    seed: int = 1,
    requests: int = 300,
    slices: Sequence[SliceRecord] | None = None,
    trials: Sequence[RevocationRecord] | None = None,
) -> Path:
    """A run folder under `results` as the runner would have left it."""
    run = run or a_run()
    experiment = run.experiment
    folder = run_store.create(results, experiment.name)
    run_store.write_run(folder, run)
    recorded = slices_of(experiment, seed, requests) if slices is None else slices
    seen = trials_of(experiment, seed) if trials is None else trials
    _write_lines(folder / run_store.SLICES_FILE, map(run_store.slice_line, recorded))
    _write_lines(folder / run_store.REVOCATIONS_FILE, map(run_store.revocation_line, seen))
    return folder


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _facts(arm: Arm, block: int) -> ArmFacts:
    _, _, stored = COSTS.get(arm.strategy, COSTS["jwt_hs256"])
    return ArmFacts(
        law=LAWS.get(arm.strategy, LAWS["jwt_hs256"]),
        store_bytes_per_login=None if stored is None else stored + block,
    )


def _measured(
    planned: SliceRecord, phase: Phase, arm: Arm, now_s: float, slow: float, requests: int
) -> SliceRecord:
    server_us, store_us, _ = COSTS.get(arm.strategy, COSTS["jwt_hs256"])
    p50_ms = (0.2 + server_us / 400) * (1 + (phase.load.rate_rps or 8000.0) / 8000)
    seed = round(slow * 1e4) % 16
    if phase.kind == "login":
        endpoints = {"POST /login": an_endpoint({"200": requests // 2}, 30 * p50_ms, seed)}
        completed, server_us = requests // 2, server_us + 3000
    else:
        updates = max(1, requests // 20)
        endpoints = {
            "GET /me": an_endpoint({"200": requests - updates}, round(p50_ms, 2), seed),
            "PUT /state": an_endpoint({"200": updates}, round(p50_ms * 1.2, 2), seed),
        }
        completed = requests
    core_s = completed * (server_us + store_us) * slow / 1e6
    return dataclasses.replace(
        planned,
        started_s=now_s,
        load=phase.load,
        # A closed loop keeps the server's core busy: the time follows from the cost.
        duration_s=phase.slice_s if phase.load.is_open else core_s / 0.97,
        endpoints=endpoints,
        completed=completed,
        offered=requests if phase.load.is_open else 0,
        cpu_s=CpuSeconds(
            server=completed * server_us * slow / 1e6,
            store=completed * store_us * slow / 1e6,
            generator=completed * 31e-6,
        ),
        wire_bytes=WireBytes(sent=completed * 380, received=completed * 235),
    )


def _seen(
    block: int,
    phase: Phase,
    arm: Arm,
    trial: int,
    replica: int,
    left_s: float,
    draw: random.Random,
) -> RevocationRecord:
    base = {
        "block": block,
        "phase": phase.name,
        "arm": arm.name,
        "trial": trial,
        "replica": replica,
        "effective_within_s": LAWS.get(arm.strategy, LAWS["jwt_hs256"]).bound_s,
    }
    if arm.strategy == "none":
        return a_trial(**base, lag_low_s=2.5, lag_high_s=None, first_rejected_sent_s=None)
    if arm.strategy == "session_redis":
        return a_trial(**base, lag_high_s=draw.choice([0.0, 0.0004, 0.0011, 0.0018]))
    return a_trial(**base, lag_low_s=left_s - 0.002, lag_high_s=left_s + 0.0005)

"""Slices, trials, experiments and runs in one line each, seeded and with plausible numbers."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from loadtests.histogram import Histogram
from loadtests.model import (
    AddedDelay,
    Arm,
    ArmFacts,
    BlockFacts,
    Browsers,
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
from loadtests.search import Search

CLOSED = Load("closed", users=32)
TRIALS = Trials(per_slice=2, concurrent=2, probe_every_s=0.002, ttl_s=3, background_fraction=0.3)
BROWSERS = Browsers(tabs=(2, 3), within_s=(0.05, 8.0), each=2, thefts=2)
SEARCH = Search(
    p99_ms=20.0, lowest_rps=1_000.0, highest_rps=40_000.0, precision=0.05, confirmations=1
)

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
    if kind == "slo":
        load = Load("poisson")
    own = {"login": "login_storm", "revocation": "revocation", "tabs": "tabs"}
    scenario = own.get(kind, "browse")
    phase = Phase(
        name,
        kind,  # type: ignore[arg-type]  # a name that is no kind fails in the test that made it
        scenario,
        load,
        rounds=4,
        slice_s=0.9,
        guard_s=0.1,
        trials=TRIALS if kind == "revocation" else None,
        search=SEARCH if kind == "slo" else None,
        browsers=BROWSERS if kind == "tabs" else None,
    )
    return dataclasses.replace(phase, **changes)


ARMS = tuple(an_arm(name) for name in ("none", "session_redis", "jwt_hs256", "session_redis#2"))
PHASES = tuple(
    a_phase(name)
    for name in ("capacity", "latency-1000", "latency-2000", "login", "slo", "revocation")
)


def at_distances(*delays_s: float) -> tuple[Phase, ...]:
    """At each distance to the store a closed loop of users and a fixed rate."""
    users = dataclasses.replace(a_phase("capacity"), name="users", kind="users", rounds=1)
    steady = dataclasses.replace(a_phase("latency-1000"), name="afar", rounds=1)
    return tuple(
        dataclasses.replace(like, name=f"{like.name}-{delay_s * 1e6:g}us", store_delay_s=delay_s)
        for delay_s in delays_s
        for like in (users, steady)
    )


def an_added_delay(asked_s: float, round_trips: int = 300, **changes: Any) -> AddedDelay:
    """A proxy that adds 0.1 ms more than it is asked to, before a store that takes 0.02 ms."""
    added_s = asked_s + 0.0001
    added = AddedDelay(
        asked_s,
        round_trips,
        p50_s=added_s,
        p99_s=added_s + 0.0003,
        max_s=added_s + 0.001,
        trip_p50_s=added_s + 0.00002,
        trip_p99_s=added_s + 0.0004,
    )
    return dataclasses.replace(added, **changes)


def an_experiment(**changes: Any) -> Experiment:
    """The headline's shape: three strategies and the control, six phases, five blocks."""
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


def with_impossible(arm: str, why: str = "too large") -> RunRecord:
    """A run in which every block left that arm out."""
    run = a_run()
    blocks = (
        BlockFacts(
            block.block,
            {**block.arms, arm: dataclasses.replace(block.arms[arm], impossible=why)},
        )
        for block in run.blocks
    )
    return dataclasses.replace(run, blocks=tuple(blocks))


def a_block(experiment: Experiment, block: int) -> BlockFacts:
    return BlockFacts(block, {arm.name: _facts(arm, block) for arm in experiment.arms})


def _facts(arm: Arm, block: int) -> ArmFacts:
    _, _, stored = COSTS.get(arm.strategy, COSTS["jwt_hs256"])
    return ArmFacts(
        law=LAWS.get(arm.strategy, LAWS["jwt_hs256"]),
        store_bytes_per_login=None if stored is None else stored + block,
    )

"""Whole run folders in one line, as the runner would have left them; seeded and plausible."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

from loadtests import run_store
from loadtests.checks import meets
from loadtests.model import (
    Arm,
    CpuSeconds,
    Experiment,
    Load,
    OutageRecord,
    Phase,
    RevocationRecord,
    RunRecord,
    SliceRecord,
    WireBytes,
)
from loadtests.search import Answer
from tests.builders import (
    COSTS,
    LAWS,
    TRIALS,
    a_run,
    a_slice,
    a_trial,
    an_added_delay,
    an_endpoint,
)
from tests.outage_lines import outages_of


def slices_of(experiment: Experiment, seed: int = 1, requests: int = 300) -> Iterator[SliceRecord]:
    """Every planned slice, `requests` in each, arms shuffled within a round, costs as `COSTS`."""
    draw = random.Random(seed)  # noqa: S311 — as above
    now_s = 0.0
    for block in range(experiment.blocks):
        luck = {arm.name: draw.gauss(1, 0.005) for arm in experiment.arms}
        for phase in experiment.phases:
            if phase.kind == "outage":
                continue
            if phase.search is not None:
                yield from probes_of(experiment, phase, block, luck, requests)
                continue
            for number in range(phase.rounds):
                for arm in draw.sample(experiment.arms, len(experiment.arms)):
                    slow = luck[arm.name] * draw.gauss(1, 0.01)
                    planned = a_slice(block=block, phase=phase.name, round=number, arm=arm.name)
                    yield _measured(planned, phase, arm, now_s, slow, requests)
                    now_s += phase.slice_s + phase.guard_s


def probes_of(
    experiment: Experiment, phase: Phase, block: int, luck: Mapping[str, float], requests: int = 300
) -> Iterator[SliceRecord]:
    """Every arm's search to its end, a round a probe; what an arm costs decides where it bends."""
    assert phase.search is not None
    answers: dict[str, list[Answer]] = {arm.name: [] for arm in experiment.arms}
    for number in count():
        rates = {name: phase.search.next_rps(told, block) for name, told in answers.items()}
        going = {name: rate_rps for name, rate_rps in rates.items() if rate_rps is not None}
        if not going:
            return
        for name, rate_rps in going.items():
            strategy = experiment.arm(name).strategy
            server_us, store_us, _ = COSTS.get(strategy, COSTS["jwt_hs256"])
            busy = rate_rps * (server_us + store_us) * luck[name] / 1e6
            planned = a_slice(block=block, phase=phase.name, round=number, arm=name)
            probe = a_probe(planned, rate_rps, 1 / (1 - min(busy, 0.98)), requests)
            answers[name].append(Answer(rate_rps, meets(probe, phase.search)))
            yield probe


def a_probe(planned: SliceRecord, rate_rps: float, p50_ms: float, requests: int) -> SliceRecord:
    """A probe whose p99 is about three times `p50_ms`."""
    return dataclasses.replace(
        planned,
        load=Load("poisson", rate_rps=rate_rps),
        endpoints={"GET /me": an_endpoint({"200": requests}, round(p50_ms, 2))},
        completed=requests,
        offered=requests,
    )


def trials_of(experiment: Experiment, seed: int = 1) -> Iterator[RevocationRecord]:
    """Every trial as every replica saw it, by the laws of `LAWS`."""
    draw = random.Random(seed)  # noqa: S311 — as above
    for block in range(experiment.blocks):
        for phase in experiment.phases:
            for arm in experiment.arms:
                for trial in range(_trials_a_block(experiment, phase)):
                    left_s = draw.uniform(0.4, 0.9) * (phase.trials or TRIALS).ttl_s
                    for replica in range(arm.replicas):
                        yield _seen(block, phase, arm, trial, replica, left_s, draw)


def _trials_a_block(experiment: Experiment, phase: Phase) -> int:
    if phase.trials is None:
        return 0
    slices = experiment.blocks * phase.rounds
    return phase.rounds * phase.trials.at_most_in_a_slice(slices)


def write_run_folder(
    results: Path,
    run: RunRecord | None = None,
    *,
    seed: int = 1,
    requests: int = 300,
    slices: Sequence[SliceRecord] | None = None,
    trials: Sequence[RevocationRecord] | None = None,
    outages: Sequence[OutageRecord] | None = None,
) -> Path:
    """A run folder under `results` as the runner would have left it; without outages.jsonl where
    nothing was to go out."""
    run = run or a_run()
    experiment = run.experiment
    folder = run_store.create(results, experiment.name)
    run_store.write_run(folder, run)
    recorded = slices_of(experiment, seed, requests) if slices is None else slices
    seen = trials_of(experiment, seed) if trials is None else trials
    _write_lines(folder / run_store.SLICES_FILE, map(run_store.slice_line, recorded))
    _write_lines(folder / run_store.REVOCATIONS_FILE, map(run_store.revocation_line, seen))
    gone_through = outages_of(experiment, seed) if outages is None else outages
    lines = [run_store.outage_line(outage) for outage in gone_through]
    if lines:
        _write_lines(folder / run_store.OUTAGES_FILE, iter(lines))
    return folder


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _measured(
    planned: SliceRecord, phase: Phase, arm: Arm, now_s: float, slow: float, requests: int
) -> SliceRecord:
    server_us, store_us, _ = COSTS.get(arm.strategy, COSTS["jwt_hs256"])
    p50_ms = (0.2 + server_us / 400) * (1 + (phase.load.rate_rps or 8000.0) / 8000)
    seed = round(slow * 1e4) % 16
    added = None
    if phase.store_delay_s is not None and store_us:
        added = an_added_delay(phase.store_delay_s, requests)
        p50_ms += 1e3 * (added.trip_p50_s or 0.0)
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
        added_delay=added,
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
        return a_trial(
            **base,
            lag_low_s=2.5,
            accepted_after_ack=1_250,
            lag_high_s=None,
            first_rejected_sent_s=None,
        )
    if arm.strategy == "session_redis":
        return a_trial(**base, lag_high_s=draw.choice([0.0, 0.0004, 0.0011, 0.0018]))
    return a_trial(**base, lag_low_s=left_s - 0.002, lag_high_s=left_s + 0.0005)

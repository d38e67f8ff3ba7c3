"""How exactly requests leave: a block of the real path, at given rates, against `none`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtests.block import BlockPlan, measure_block
from loadtests.checks import merged
from loadtests.model import Arm, Experiment, Load, LoadModel, Phase
from loadtests.placement import place, usable_cpus
from loadtests.target import RunSecrets, StrategyFacts

SLICE_S = 2.0


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """`expected` requests of the rate, `offered` those sent within the slice, and the lag of those
    due there."""

    model: LoadModel
    rate_rps: float
    expected: float
    offered: int
    lag_p50_us: float
    lag_p99_us: float


def measure_dispatch(rates_rps: Sequence[float]) -> Iterator[DispatchResult]:
    """Constant due times: with Poisson ones the count itself scatters by more than 0.5%."""
    experiment = _experiment(rates_rps)
    plan = BlockPlan(
        experiment=experiment,
        facts={"none": StrategyFacts(needs_store=False)},
        placement=place(usable_cpus()),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )
    for message in measure_block(plan, 0, lambda _readied: None):
        record = message.slice
        if record is None:
            continue
        load = record.load
        lag = merged([record.dispatch_lag]).quantiles_ns([0.5, 0.99])
        yield DispatchResult(
            model=load.model,
            rate_rps=load.rate_rps or 0.0,
            expected=(load.rate_rps or 0.0) * SLICE_S,
            offered=record.sent or 0,
            lag_p50_us=(lag[0] or 0.0) / 1e3,
            lag_p99_us=(lag[1] or 0.0) / 1e3,
        )


def _experiment(rates_rps: Sequence[float]) -> Experiment:
    return Experiment(
        name="dispatch",
        question="How exactly do requests leave?",
        seed=1,
        blocks=1,
        arms=(Arm("none", "none", 2, "bearer"),),
        reference="none",
        phases=tuple(
            Phase(
                name=f"constant-{rate:.0f}",
                kind="latency",
                scenario="browse",
                load=Load("constant", rate_rps=rate),
                rounds=3,
                slice_s=SLICE_S,
                guard_s=0.2,
            )
            for rate in rates_rps
        ),
        population=1_000,
        pool_users=64,
        request_timeout_s=5.0,
        warm_up_s=0.5,
        max_repeats=0,
    )

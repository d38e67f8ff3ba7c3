"""Whether three generator processes measure what one does.

Blocks of one process, of one again and of three, in shuffled order, offer the same requests at the
same times to fresh servers, at two rates. What one and one differ by is what this machine shows
between two things that are the same.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import mean

from rich.console import Console
from rich.table import Table

from loadtests.bench.goals import Goal, judge
from loadtests.block import BlockPlan, measure_block
from loadtests.checks import merged
from loadtests.intervals import Interval, ratio_interval
from loadtests.model import Arm, Experiment, Load, Phase, SliceRecord
from loadtests.placement import place, usable_cpus
from loadtests.target import MeasurementError, RunSecrets, StrategyFacts

ONE, AGAIN, SEVERAL = "1", "1 again", "3"
GENERATORS = {ONE: 1, AGAIN: 1, SEVERAL: 3}
ROUNDS = 8
# At the quiet rate, 40 ms apart, one process alone finds its core as cold, request by request, as
# each of three that share it; at the busy one it finds it warm.
QUIET_RPS, BUSY_RPS = 25.0, 2_000.0
LOADS = {
    QUIET_RPS: Load("constant", rate_rps=QUIET_RPS),
    BUSY_RPS: Load("poisson", rate_rps=BUSY_RPS),
}
SLICES = 4
SLICE_S = {QUIET_RPS: 3.0, BUSY_RPS: 1.0}
# Two things that are the same may differ by this much, whatever the control says.
SAME = 0.02
# A control that reaches further says nothing.
WIDEST = 0.25


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one rate: by variant, p50 and p99 of each of its blocks, in milliseconds."""

    p50_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    p99_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, name: str, records: Iterable[SliceRecord]) -> None:
        """Raises MeasurementError where no request was answered."""
        texts = [endpoint.response for record in records for endpoint in record.endpoints.values()]
        p50_ns, p99_ns = merged(texts).quantiles_ns([0.5, 0.99])
        if p50_ns is None or p99_ns is None:
            raise MeasurementError("no request was answered")
        self.p50_ms[name].append(p50_ns / 1e6)
        self.p99_ms[name].append(p99_ns / 1e6)


def main(console: Console) -> int:
    """0: p50 agrees wherever that can be judged here; 1: it does not."""
    seen = {rate_rps: Seen() for rate_rps in SLICE_S}
    for number in range(ROUNDS):
        for name in random.Random(number).sample(sorted(GENERATORS), len(GENERATORS)):  # noqa: S311
            records = _block(GENERATORS[name], number)
            for rate_rps, each in seen.items():
                each.note(name, (r for r in records if r.load.rate_rps == rate_rps))
    for rate_rps, each in seen.items():
        console.print(_table(rate_rps, each))
    if (why := sharing(usable_cpus())) is not None:
        del seen[BUSY_RPS]
        console.print(
            f"left out, whether they agree at {BUSY_RPS:,.0f} req/s: {why}", highlight=False
        )
    return judge(console, [_agreement(rate_rps, each.p50_ms) for rate_rps, each in seen.items()])


def _agreement(rate_rps: float, p50_ms: dict[str, list[float]]) -> Goal:
    several = ratio_interval(p50_ms[SEVERAL], p50_ms[ONE])
    return agreement(rate_rps, several, ratio_interval(p50_ms[AGAIN], p50_ms[ONE]))


def sharing(cpus: Sequence[int]) -> str | None:
    """Why 3 ÷ 1 is no question of agreement at the busy rate; None where each process has a core
    of its own."""
    wanted = max(GENERATORS.values())
    cores = len(place(cpus, generators=wanted).generator_cpus)
    if cores == wanted:
        return None
    return (
        f"{wanted} processes shared {max(cores, 1)} of {len(cpus)} CPUs, so each found it cold "
        f"after the others; with {wanted + 2} CPUs each has its own"
    )


def agreement(rate_rps: float, several: Interval, control: Interval) -> Goal:
    """The ratio of several to one is no further from 1 than the control's interval reaches, or 2%.

    A control that reaches further than a quarter passes nothing: everything would agree with it.
    """
    reach = max(abs(math.log(control.low)), abs(math.log(control.high)), SAME)
    off = abs(math.log(several.middle))
    return Goal(
        what=f"p50 of 3 processes ÷ that of 1, {rate_rps:,.0f} req/s",
        goal=f"1 ± {math.expm1(reach):.1%}, as 1 ÷ 1, which is within {WIDEST:.0%}",
        measured=str(several),
        is_reached=off <= reach <= math.log1p(WIDEST),
    )


def _block(generators: int, number: int) -> list[SliceRecord]:
    """The block's number draws its due times, so every variant of a round offers the same."""
    experiment = _experiment(generators)
    plan = BlockPlan(
        experiment=experiment,
        facts={"none": StrategyFacts(needs_store=False)},
        placement=place(usable_cpus(), generators=max(GENERATORS.values())),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )
    records = []
    for message in measure_block(plan, number, lambda _readied: None):
        if message.lost is not None:
            raise MeasurementError(f"{message.lost.sentence()}\n{message.lost.log}")
        if message.slice is not None:
            records.append(message.slice)
    return records


def _table(rate_rps: float, seen: Seen) -> Table:
    title = f"response time at {rate_rps:,.0f} req/s, {ROUNDS} rounds"
    table = Table("processes", "p50 ms", "p99 ms", "p50 ÷ 1", "p99 ÷ 1", title=title)
    for name in GENERATORS:
        others = [
            "" if name == ONE else str(ratio_interval(values[name], values[ONE]))
            for values in (seen.p50_ms, seen.p99_ms)
        ]
        means = [f"{mean(values[name]):.3f}" for values in (seen.p50_ms, seen.p99_ms)]
        table.add_row(name, *means, *others)
    return table


def _experiment(generators: int) -> Experiment:
    return Experiment(
        name="workers",
        question="Do three generator processes measure what one does?",
        seed=1,
        blocks=ROUNDS,
        arms=(Arm("none", "none", 1, "bearer"),),
        reference="none",
        phases=tuple(
            Phase(
                name=f"latency-{rate_rps:.0f}",
                kind="latency",
                scenario="browse",
                load=LOADS[rate_rps],
                rounds=SLICES,
                slice_s=slice_s,
                guard_s=0.2,
            )
            for rate_rps, slice_s in SLICE_S.items()
        ),
        population=1_000,
        pool_users=64,
        request_timeout_s=5.0,
        warm_up_s=0.5,
        max_repeats=0,
        generators=generators,
    )

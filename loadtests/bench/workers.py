"""python -m loadtests.bench.workers: whether three generator processes measure what one does.

Blocks of one process, of one again and of three, in shuffled order, offer the same requests at the
same times to fresh servers. What one and one differ by is what this machine shows between two
things that are the same.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from loadtests.block import BlockPlan, measure_block
from loadtests.checks import merged
from loadtests.model import Arm, ConfigurationError, Experiment, Load, Phase, SliceRecord
from loadtests.placement import place, usable_cpus
from loadtests.target import MeasurementError, RunSecrets, StrategyFacts

ONE, AGAIN, SEVERAL = "1", "1 again", "3"
GENERATORS = {ONE: 1, AGAIN: 1, SEVERAL: 3}
ROUNDS = 8
RATE_RPS = 2_000.0
SLICES, SLICE_S = 4, 1.0
# Two things that are the same may differ by this much, whatever the control says.
SAME = 0.02
# A control that reaches further says nothing.
WIDEST = 0.25
EXIT_REACHED, EXIT_FAILURE, EXIT_CONFIGURATION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean over rounds and its 95% t interval, as factors."""

    middle: float
    low: float
    high: float

    @property
    def floor(self) -> float:
        """How far from 1 the interval reaches, as a log ratio."""
        return max(abs(math.log(self.low)), abs(math.log(self.high)))

    def __str__(self) -> str:
        return f"{self.middle:.3f} ({self.low:.3f}–{self.high:.3f})"


def main() -> int:
    """0: p50 agrees; 1: it does not, or something died; 2: it could not start."""
    console = Console()
    p50_ms: dict[str, list[float]] = defaultdict(list)
    p99_ms: dict[str, list[float]] = defaultdict(list)
    try:
        for number in range(ROUNDS):
            for name in random.Random(number).sample(sorted(GENERATORS), len(GENERATORS)):  # noqa: S311
                p50, p99 = _quantiles_ms(_block(GENERATORS[name], number))
                p50_ms[name].append(p50)
                p99_ms[name].append(p99)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_CONFIGURATION
    except MeasurementError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_FAILURE
    console.print(_table(p50_ms, p99_ms))
    verdict = judge(ratio(p50_ms[SEVERAL], p50_ms[ONE]), ratio(p50_ms[AGAIN], p50_ms[ONE]))
    console.print(f"goal: p50 of 3 ÷ 1 lies as near to 1 as 1 ÷ 1 may: {verdict}", highlight=False)
    return EXIT_REACHED if verdict == "pass" else EXIT_FAILURE


def ratio(candidate: Sequence[float], reference: Sequence[float]) -> Ratio:
    """mean ± t(n − 1) · s / √n of the log ratios, round by round (Student 1908)."""
    logs = [math.log(a / b) for a, b in zip(candidate, reference, strict=True)]
    half = float(student.ppf(0.975, len(logs) - 1)) * stdev(logs) / math.sqrt(len(logs))
    return Ratio(*(math.exp(mean(logs) + off) for off in (0.0, -half, half)))


def judge(several: Ratio, control: Ratio) -> str:
    """`pass`: the ratio is no further from 1 than the control's interval reaches, or 2%."""
    if control.floor > WIDEST:
        return "fail (1 ÷ 1 itself scatters too widely to tell: close other programs)"
    return "pass" if abs(math.log(several.middle)) <= max(control.floor, SAME) else "fail"


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


def _quantiles_ms(records: Sequence[SliceRecord]) -> tuple[float, float]:
    texts = [endpoint.response for record in records for endpoint in record.endpoints.values()]
    p50, p99 = merged(texts).quantiles_ns([0.5, 0.99])
    if p50 is None or p99 is None:
        raise MeasurementError("no request was answered")
    return p50 / 1e6, p99 / 1e6


def _table(p50_ms: dict[str, list[float]], p99_ms: dict[str, list[float]]) -> Table:
    title = f"response time at {RATE_RPS:,.0f} req/s, {ROUNDS} rounds"
    table = Table("processes", "p50 ms", "p99 ms", "p50 ÷ 1", "p99 ÷ 1", title=title)
    for name in GENERATORS:
        others = [
            "" if name == ONE else str(ratio(values[name], values[ONE]))
            for values in (p50_ms, p99_ms)
        ]
        table.add_row(name, f"{mean(p50_ms[name]):.3f}", f"{mean(p99_ms[name]):.3f}", *others)
    return table


def _experiment(generators: int) -> Experiment:
    return Experiment(
        name="workers",
        question="Do three generator processes measure what one does?",
        seed=1,
        blocks=ROUNDS,
        arms=(Arm("none", "none", 1, "bearer"),),
        reference="none",
        phases=(
            Phase(
                name=f"latency-{RATE_RPS:.0f}",
                kind="latency",
                scenario="browse",
                load=Load("poisson", rate_rps=RATE_RPS),
                rounds=SLICES,
                slice_s=SLICE_S,
                guard_s=0.2,
            ),
        ),
        population=1_000,
        pool_users=64,
        request_timeout_s=5.0,
        warm_up_s=0.5,
        max_repeats=0,
        generators=generators,
    )


if __name__ == "__main__":
    sys.exit(main())

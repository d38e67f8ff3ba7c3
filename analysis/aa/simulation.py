"""Experiments drawn from variance components and judged by the very code that judges real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.aa.components import Components
from analysis.outlook import POWER
from analysis.stats import Better, Interval, Judgement, log_ratio_interval, noise_floor

Logs = NDArray[np.float64]
Judge = Callable[[Interval, float | None, Better], Judgement]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Logs]

REFERENCE, CANDIDATE, CONTROL = range(3)
BLOCKS = (3, 5, 8, 12)
EXPERIMENTS = 2_000
# Halvings of the bracket around the difference that four of five experiments call.
_STEPS = 10


def normal(draw: np.random.Generator, shape: tuple[int, ...]) -> Logs:
    return draw.standard_normal(shape)


def heavy_tailed(draw: np.random.Generator, shape: tuple[int, ...]) -> Logs:
    """Student's t with 4 degrees of freedom, scaled to a variance of 1: now and then a block, a
    round or a slice lies far out."""
    return draw.standard_t(4, shape) / math.sqrt(2)


NOISES: Mapping[str, Noise] = {"normal": normal, "heavy-tailed": heavy_tailed}


@dataclass(frozen=True, slots=True)
class Simulated:
    """What became of `experiments` of `blocks` blocks in which no arm differs from another.

    Shares: `covered` of the intervals held no difference, `false` of the verdicts were faster or
    slower, `same` and `inconclusive` the rest. `detectable`: the true ratio that four of five
    experiments call, None where too few ever do, and under noise that is not normal.
    """

    noise: str
    blocks: int
    experiments: int
    covered: float
    false: float
    same: float
    inconclusive: float
    detectable: float | None


@dataclass(frozen=True, slots=True)
class _Experiment:
    """A comparison as the analysis sees it: the ratio's interval and the control's floor."""

    log_ratio: Interval
    floor: float | None


def simulate(
    components: Components,
    better: Better,
    judge: Judge,
    *,
    seed: int,
    noises: Iterable[str] = NOISES,
    experiments: int = EXPERIMENTS,
    blocks: Sequence[int] = BLOCKS,
) -> Iterator[Simulated]:
    """One for each noise and number of blocks; the same `seed` draws the same experiments."""
    for noise in noises:
        for count in blocks:
            draw = np.random.default_rng([seed, count])
            logs = block_logs(components, NOISES[noise], draw, experiments, count)
            yield _judged(noise, count, [_experiment(each) for each in logs], better, judge)


def block_logs(
    components: Components, noise: Noise, draw: np.random.Generator, experiments: int, blocks: int
) -> Logs:
    """Log values, shape (experiments, blocks, arms): what the arms of a block share, what an arm
    has to itself in it, and the mean over the rounds of what they and their slices add."""
    rounds = components.rounds
    of_block = noise(draw, (experiments, blocks, 1)) * math.sqrt(components.block)
    of_arm = noise(draw, (experiments, blocks, 3)) * math.sqrt(components.arm_block)
    of_round = noise(draw, (experiments, blocks, rounds, 1)) * math.sqrt(components.round)
    of_slice = noise(draw, (experiments, blocks, rounds, 3)) * math.sqrt(components.slice)
    logs: Logs = of_block + of_arm + (of_round + of_slice).mean(axis=2)
    return logs


def _experiment(logs: Logs) -> _Experiment:
    """`logs` of one experiment, shape (blocks, arms)."""
    reference, candidate, control = np.exp(logs.T).tolist()
    floor = noise_floor(log_ratio_interval(reference, control))
    return _Experiment(log_ratio_interval(reference, candidate), floor)


def _judged(
    noise: str, blocks: int, drawn: Sequence[_Experiment], better: Better, judge: Judge
) -> Simulated:
    verdicts = [judge(each.log_ratio, each.floor, better).verdict for each in drawn]
    share = {
        kind: sum(verdict.startswith(kind) for verdict in verdicts) / len(drawn)
        for kind in ("faster", "slower", "same", "inconclusive")
    }
    return Simulated(
        noise=noise,
        blocks=blocks,
        experiments=len(drawn),
        covered=sum(_covers(each.log_ratio) for each in drawn) / len(drawn),
        false=share["faster"] + share["slower"],
        same=share["same"],
        inconclusive=share["inconclusive"],
        detectable=_detectable(drawn, better, judge) if noise == "normal" else None,
    )


def _covers(interval: Interval) -> bool:
    return (
        interval.low is not None
        and interval.high is not None
        and (interval.low <= 0 <= interval.high)
    )


def _detectable(drawn: Sequence[_Experiment], better: Better, judge: Judge) -> float | None:
    """Bisection on the true log ratio: the same draws at every difference, which only moves their
    intervals."""
    low, high = 0.0, 0.1 + max(_reach(each) for each in drawn)
    if _power(drawn, high, better, judge) < POWER:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _power(drawn, middle, better, judge) < POWER:
            low = middle
        else:
            high = middle
    return math.exp(high)


def _power(drawn: Sequence[_Experiment], log_ratio: float, better: Better, judge: Judge) -> float:
    wanted = "faster" if better == "higher" else "slower"
    called = sum(
        judge(_moved(each.log_ratio, log_ratio), each.floor, better).verdict == wanted
        for each in drawn
    )
    return called / len(drawn)


def _moved(interval: Interval, log_ratio: float) -> Interval:
    if interval.low is None or interval.high is None:
        return interval
    low, high = interval.low + log_ratio, interval.high + log_ratio
    return replace(interval, mean=interval.mean + log_ratio, low=low, high=high)


def _reach(each: _Experiment) -> float:
    """Beyond it this experiment calls any difference."""
    width = 0.0 if each.log_ratio.high is None else each.log_ratio.high - each.log_ratio.mean
    return abs(each.log_ratio.mean) + width + (each.floor or 0.0)

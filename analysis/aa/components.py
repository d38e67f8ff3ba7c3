"""Where a value's variance comes from: blocks, rounds, an arm's start in a block, slices. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Components:
    """Variances of a log value, by what its slices share.

    `block`: all arms of a block; `round`: all arms of one round in it; `arm_block`: one arm's
    slices in a block (its start there); `slice`: what is left. `rounds` of one slice an arm make
    a block. Blocks and rounds cancel in a ratio, the other two do not.
    """

    block: float
    round: float
    arm_block: float
    slice: float
    rounds: int

    @property
    def ratio_sd(self) -> float:
        """The standard deviation of a block's log ratio between two arms."""
        return math.sqrt(2 * (self.arm_block + self.slice / self.rounds))

    def at_least(self, ratio_sd: float) -> Components:
        """The same, with `arm_block` raised where whole blocks were seen to vary by more: a
        percentile of a merged histogram is not the mean of its slices' percentiles."""
        lacking = (ratio_sd**2 - self.ratio_sd**2) / 2
        return replace(self, arm_block=self.arm_block + _positive(lacking))


def components_of(logs: NDArray[np.float64]) -> Components:
    """The components of `logs`, shape (blocks, rounds, arms), each at least 2 but the rounds.

    The analysis of variance of rounds nested in blocks and crossed with arms (arms fixed, the rest
    random): mean squares equated to their expectations and solved, an estimate below zero taken
    for zero (Searle, Casella & McCulloch, Variance Components, 1992, ch. 4). With one round to a
    block, rounds and slices cannot be told from blocks and from arms in them, and are zero.
    Raises ValueError for fewer blocks or arms.
    """
    blocks, rounds, arms = logs.shape
    if blocks < 2 or arms < 2:
        raise ValueError("variance components need two blocks and two arms")
    by_block = logs.mean(axis=(1, 2), keepdims=True)
    by_round = logs.mean(axis=2, keepdims=True)
    by_arm = logs.mean(axis=(0, 1), keepdims=True)
    by_arm_block = logs.mean(axis=1, keepdims=True)
    ms_block = _squares(by_block - logs.mean()) * rounds * arms / (blocks - 1)
    ms_arm_block = _squares(by_arm_block - by_block - by_arm + logs.mean()) * rounds
    ms_arm_block /= (blocks - 1) * (arms - 1)
    if rounds == 1:
        return Components(_positive(ms_block - ms_arm_block) / arms, 0.0, ms_arm_block, 0.0, 1)
    ms_round = _squares(by_round - by_block) * arms / (blocks * (rounds - 1))
    ms_slice = _squares(logs - by_round - by_arm_block + by_block)
    ms_slice /= blocks * (rounds - 1) * (arms - 1)
    return Components(
        block=_positive(ms_block - ms_round - ms_arm_block + ms_slice) / (rounds * arms),
        round=_positive(ms_round - ms_slice) / arms,
        arm_block=_positive(ms_arm_block - ms_slice) / rounds,
        slice=ms_slice,
        rounds=rounds,
    )


def _squares(deviations: NDArray[np.float64]) -> float:
    return float((deviations**2).sum())


def _positive(estimate: float) -> float:
    return max(0.0, estimate)

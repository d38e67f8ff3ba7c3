from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.aa.components import Components, components_of
from analysis.aa.simulation import block_logs, normal

KNOWN = Components(block=0.04, round=0.01, arm_block=0.0025, slice=0.0064, rounds=3)


def drawn(known: Components, *, blocks: int, arms: int, seed: int = 5) -> np.ndarray:
    """Log values with just these components, and arms that differ for good besides."""
    draw = np.random.default_rng(seed)

    def part(variance: float, *shape: int) -> np.ndarray:
        return draw.normal(0.0, math.sqrt(variance), shape)

    return np.asarray(
        3.0
        + np.linspace(0, 1, arms)
        + part(known.block, blocks, 1, 1)
        + part(known.round, blocks, known.rounds, 1)
        + part(known.arm_block, blocks, 1, arms)
        + part(known.slice, blocks, known.rounds, arms)
    )


def test_known_components_are_found_again() -> None:
    found = components_of(drawn(KNOWN, blocks=2000, arms=6))
    assert found.rounds == KNOWN.rounds
    for name in ("block", "round", "arm_block", "slice"):
        assert getattr(found, name) == pytest.approx(getattr(KNOWN, name), rel=0.1), name


def test_they_are_right_on_average_over_short_runs() -> None:
    runs = [components_of(drawn(KNOWN, blocks=8, arms=4, seed=seed)) for seed in range(400)]
    assert np.mean([run.slice for run in runs]) == pytest.approx(KNOWN.slice, rel=0.03)
    assert np.mean([run.arm_block for run in runs]) == pytest.approx(KNOWN.arm_block, rel=0.1)
    assert np.mean([run.block for run in runs]) == pytest.approx(KNOWN.block, rel=0.1)


def test_by_hand() -> None:
    # Two blocks of two rounds and two arms; only the rounds differ, by 1 within either block.
    logs = np.array([[[0.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]]])
    found = components_of(logs)
    # MS of rounds: 2 arms × 4 × 0.25 ÷ 2 = 1, so 1 ÷ 2 arms; blocks are the same.
    assert (found.round, found.arm_block, found.slice) == (0.5, 0.0, 0.0)
    assert found.block == 0.0


def test_nothing_that_varies_is_nothing() -> None:
    assert components_of(np.full((4, 2, 3), 1.5)) == Components(0.0, 0.0, 0.0, 0.0, 2)


def test_one_round_tells_blocks_and_arms_only() -> None:
    known = Components(block=0.04, round=0.0, arm_block=0.01, slice=0.0, rounds=1)
    found = components_of(drawn(known, blocks=2000, arms=6))
    assert (found.round, found.slice, found.rounds) == (0.0, 0.0, 1)
    assert found.block == pytest.approx(known.block, rel=0.1)
    assert found.arm_block == pytest.approx(known.arm_block, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 2, 1)])
def test_one_block_or_one_arm_tells_nothing(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="two blocks and two arms"):
        components_of(np.zeros(shape))


def test_what_is_drawn_from_them_has_them() -> None:
    logs = block_logs(KNOWN, normal, np.random.default_rng(2), 4000, 5)
    assert logs.shape == (4000, 5, 3)
    ratios = logs[:, :, 1] - logs[:, :, 0]
    assert float(ratios.std()) == pytest.approx(KNOWN.ratio_sd, rel=0.02)
    alone = KNOWN.block + KNOWN.arm_block + (KNOWN.round + KNOWN.slice) / KNOWN.rounds
    assert float(logs[:, :, 0].var()) == pytest.approx(alone, rel=0.03)


def test_a_control_shares_its_reference() -> None:
    logs = block_logs(KNOWN, normal, np.random.default_rng(2), 4000, 5)
    ratios = np.stack([logs[:, :, arm] - logs[:, :, 0] for arm in (1, 2)])
    candidate, control = ratios.reshape(2, -1)
    covariance = float((candidate * control).mean())
    assert covariance / KNOWN.ratio_sd**2 == pytest.approx(0.5, abs=0.03)


def test_at_least_what_whole_blocks_showed() -> None:
    raised = KNOWN.at_least(0.5)
    assert raised.ratio_sd == pytest.approx(0.5)
    assert raised.slice == KNOWN.slice
    assert KNOWN.at_least(0.01) == KNOWN

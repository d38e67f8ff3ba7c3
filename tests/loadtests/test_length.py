from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.length import LEAST_BLOCKS, ended, half_widths, is_over, least_blocks
from loadtests.model import Experiment, Precision
from loadtests.target import MeasurementError
from tests.builders import a_run, an_experiment
from tests.run_folders import write_run_folder

TERM = "jwt_hs256.capacity.requests_per_core_second"
OTHER = "none.latency-1000.latency_p50_ms@GET /me"


def asking(half_width: float = 0.03, minutes: float = 10.0, *terms: str) -> Experiment:
    return an_experiment(blocks=5, precision=Precision(half_width, minutes, terms or (TERM,)))


def never() -> Mapping[str, float | None]:
    raise AssertionError("nobody should look yet")


def test_a_run_of_fixed_length_has_as_many_blocks_as_were_asked_for() -> None:
    experiment = an_experiment(blocks=5)
    assert [is_over(experiment, blocks) for blocks in (0, 4, 5)] == [False, False, True]
    assert ended(experiment, 5, 1e6, never) is None
    assert least_blocks(experiment) == 5


def test_nobody_looks_before_the_sixth_block() -> None:
    assert least_blocks(asking()) == LEAST_BLOCKS == 6
    for blocks in range(6):
        assert ended(asking(), blocks, 60.0, never) is None
        assert not is_over(asking(), blocks)


def test_more_blocks_may_be_the_fewest() -> None:
    experiment = an_experiment(blocks=9, precision=Precision(0.03, 10.0, (TERM,)))
    assert ended(experiment, 8, 60.0, never) is None
    assert ended(experiment, 9, 60.0, lambda: {TERM: 0.01}) is not None


@pytest.mark.parametrize(
    ("widths", "elapsed_s", "ended_by"),
    [
        ({TERM: 0.03}, 300.0, "precision"),
        ({TERM: 0.0301}, 300.0, None),
        ({TERM: None}, 300.0, None),
        ({TERM: 0.01, OTHER: 0.05}, 300.0, None),
        ({TERM: 0.01, OTHER: 0.02}, 300.0, "precision"),
        # Six blocks of 86 s: a seventh would end after ten minutes.
        ({TERM: 0.05}, 516.0, "cap"),
        ({TERM: 0.05}, 514.0, None),
        ({TERM: 0.02}, 516.0, "precision"),
    ],
)
def test_what_ends_a_run(
    widths: dict[str, float | None], elapsed_s: float, ended_by: str | None
) -> None:
    found = ended(asking(0.03, 10.0, *widths), 6, elapsed_s, lambda: widths)
    assert (found and found.ended_by) == ended_by
    assert found is None or found.half_widths == widths


def test_the_cap_holds_before_the_sixth_block_too() -> None:
    found = ended(asking(), 3, 480.0, lambda: {TERM: 0.001})
    assert found is not None
    assert found.ended_by == "cap"


@given(st.integers(1, 40), st.floats(0.1, 5000), st.floats(0, 0.2))
def test_a_run_ends_for_a_reason(blocks: int, elapsed_s: float, width: float) -> None:
    found = ended(asking(), blocks, elapsed_s, lambda: {TERM: width})
    if found is None:
        assert elapsed_s * (blocks + 1) / blocks <= 600
        assert blocks < 6 or width > 0.03
    elif found.ended_by == "precision":
        assert blocks >= 6
        assert width <= 0.03


def test_the_analysis_says_the_widths(tmp_path: Path) -> None:
    experiment = asking(0.03, 10.0, TERM, OTHER)
    folder = write_run_folder(tmp_path, a_run(experiment))
    told = half_widths(folder)
    assert set(told) == {TERM, OTHER}
    assert all(width is not None and 0 < width < 0.5 for width in told.values())


def test_an_analysis_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"cannot be had: .*no run here"):
        half_widths(tmp_path)

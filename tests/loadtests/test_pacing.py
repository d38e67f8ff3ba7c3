from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.model import Load
from loadtests.pacing import NS_PER_S, due_times_ns

loads = st.builds(Load, st.sampled_from(["constant", "poisson"]), rate_rps=st.floats(0.1, 20_000))
stretches = st.tuples(st.integers(0, 10**15), st.integers(1, NS_PER_S // 5))
seeds = st.integers(0, 2**48)


@pytest.mark.parametrize(
    ("rate_rps", "end_ns", "expected_ns"),
    [
        (1, NS_PER_S, [0]),
        (1, NS_PER_S + 1, [0, NS_PER_S]),
        (4, NS_PER_S, [0, 250_000_000, 500_000_000, 750_000_000]),
        (0.5, NS_PER_S, [0]),
        (1000, 2_500_000, [0, 1_000_000, 2_000_000]),
    ],
)
def test_constant_spacing(rate_rps: float, end_ns: int, expected_ns: list[int]) -> None:
    dues_ns = due_times_ns(Load("constant", rate_rps=rate_rps), 0, end_ns, seed=1)
    assert dues_ns == expected_ns


@given(loads, stretches, seeds)
def test_dues_ascend_within_their_stretch(load: Load, stretch: tuple[int, int], seed: int) -> None:
    start_ns, length_ns = stretch
    dues_ns = due_times_ns(load, start_ns, start_ns + length_ns, seed)
    assert dues_ns == sorted(dues_ns)
    assert all(start_ns <= due_ns < start_ns + length_ns for due_ns in dues_ns)


@given(st.floats(1, 20_000), stretches)
def test_constant_gaps_differ_by_a_nanosecond_at_most(
    rate_rps: float, stretch: tuple[int, int]
) -> None:
    start_ns, length_ns = stretch
    dues_ns = due_times_ns(
        Load("constant", rate_rps=rate_rps), start_ns, start_ns + length_ns, seed=1
    )
    gap_ns = NS_PER_S / rate_rps
    assert all(abs(gap - gap_ns) <= 1 for gap in np.diff(dues_ns))


@given(stretches, seeds)
def test_the_seed_decides(stretch: tuple[int, int], seed: int) -> None:
    load = Load("poisson", rate_rps=1000)
    start_ns, length_ns = stretch
    first = due_times_ns(load, start_ns, start_ns + length_ns, seed)
    assert first == due_times_ns(load, start_ns, start_ns + length_ns, seed)


def test_another_seed_draws_other_times() -> None:
    load = Load("poisson", rate_rps=1000)
    assert due_times_ns(load, 0, NS_PER_S, 1) != due_times_ns(load, 0, NS_PER_S, 2)


@given(stretches, seeds)
def test_a_closed_load_has_no_due_times(stretch: tuple[int, int], seed: int) -> None:
    start_ns, length_ns = stretch
    assert due_times_ns(Load("closed", users=8), start_ns, start_ns + length_ns, seed) == []


def test_poisson_counts_have_the_mean_and_the_variance_of_the_rate() -> None:
    counts = [
        len(due_times_ns(Load("poisson", rate_rps=400), 0, NS_PER_S, seed)) for seed in range(400)
    ]
    # Standard errors over 400 draws: 1 for the mean, 28 for the variance; these allow four.
    assert np.mean(counts) == pytest.approx(400, abs=4)
    assert np.var(counts) == pytest.approx(400, abs=113)


def test_poisson_gaps_are_exponential_and_forget() -> None:
    dues_ns = due_times_ns(Load("poisson", rate_rps=20_000), 0, NS_PER_S, seed=11)
    gaps = np.diff(dues_ns) * 20_000 / NS_PER_S
    # An exponential gap is longer than its mean with probability 1/e.
    assert np.mean(gaps > 1) == pytest.approx(np.exp(-1), abs=0.02)
    assert np.corrcoef(gaps[:-1], gaps[1:])[0, 1] == pytest.approx(0, abs=0.03)

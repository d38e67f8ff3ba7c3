from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtests.search import Answer, Bracket, Search

SEARCH = Search(
    p99_ms=20.0, lowest_rps=1_000.0, highest_rps=30_000.0, precision=0.05, confirmations=3
)
# Rates a search can try: half a precision apart at the narrowest. Each is asked thrice at most.
MOST_PROBES = 3 * 150


def answered(search: Search, server: Callable[[float], bool], seed: int = 1) -> list[Answer]:
    """Every answer up to the search's own end."""
    answers: list[Answer] = []
    while (rate := search.next_rps(answers, seed)) is not None:
        answers.append(Answer(rate, server(rate)))
        assert len(answers) <= MOST_PROBES, "it does not end"
    return answers


def met(*rates: float) -> list[Answer]:
    return [Answer(rate, met=True) for rate in rates]


def missed(*rates: float) -> list[Answer]:
    return [Answer(rate, met=False) for rate in rates]


@pytest.mark.parametrize(
    ("answers", "then"),
    [
        (met(1_000), 2_000),
        (met(1_000, 2_000, 4_000), 8_000),
        (met(16_000), 30_000),
        # A miss has to win a majority first.
        (missed(3_000), 3_000),
        (missed(3_000, 3_000), 1_500),
        (missed(1_500, 1_500), 1_000),
        (met(4_000) + missed(9_000), 9_000),
        (met(4_000, 9_000) + missed(9_000), 9_000),
        (met(4_000) + missed(9_000, 9_000), 6_000),
        # The rate that held is asked again once the bracket is narrow.
        (met(4_000) + missed(4_200, 4_200), 4_000),
        (met(4_000, 4_000) + missed(4_200, 4_200), None),
        # An end voted out: the bracket reaches to the next rate that was tried.
        (met(2_000, 4_000) + missed(4_000, 4_000, 4_200, 4_200), 2_828.4),
        (met(4_000, 4_200, 4_200) + missed(4_200, 8_400, 8_400), 5_939.7),
        # With nothing tried beyond it, doubling goes on.
        (met(4_000, 4_200, 4_200) + missed(4_200), 8_400),
        # The ends of the range are confirmed like any other.
        (met(30_000), 30_000),
        (met(30_000, 30_000), None),
        (missed(1_000), 1_000),
        (missed(1_000, 1_000), None),
    ],
)  # fmt: skip
def test_what_comes_next(answers: list[Answer], then: float | None) -> None:
    assert SEARCH.next_rps(answers, seed=1) == then
    assert SEARCH.has_ended(answers) == (then is None)


@pytest.mark.parametrize(
    ("answers", "bracket"),
    [
        ([], Bracket(None, None)),
        (met(1_000), Bracket(1_000, None)),
        (missed(1_000), Bracket(None, 1_000)),
        (met(1_000, 2_000) + missed(3_000), Bracket(2_000, 3_000)),
        # What held beyond a rate that misses was luck.
        (met(1_000, 4_000) + missed(3_000), Bracket(1_000, 3_000)),
        # A tie is a miss.
        (met(1_000, 2_000) + missed(2_000), Bracket(1_000, 2_000)),
        (met(1_000, 2_000, 2_000) + missed(2_000), Bracket(2_000, None)),
    ],
)
def test_what_answers_say_together(answers: list[Answer], bracket: Bracket) -> None:
    assert SEARCH.bracket(answers) == bracket
    assert SEARCH.bracket(answers[::-1]) == bracket


def test_searches_begin_within_one_octave_each_at_a_rate_of_its_own() -> None:
    first = {SEARCH.next_rps([], seed) for seed in range(50)}
    assert len(first) > 40
    assert all(rate is not None and 1_000 <= rate < 2_000 for rate in first)
    assert SEARCH.next_rps([], 7) == SEARCH.next_rps([], 7)
    assert replace(SEARCH, highest_rps=1_000.5).next_rps([], seed=1) == 1_000.5


@given(
    knee_rps=st.floats(1_001, 29_999),
    precision=st.floats(0.01, 1),
    confirmations=st.integers(1, 7),
    seed=st.integers(0, 1_000),
)
def test_a_server_without_noise_is_found_within_the_precision(
    knee_rps: float, precision: float, confirmations: int, seed: int
) -> None:
    search = replace(SEARCH, precision=precision, confirmations=confirmations)
    answers = answered(search, lambda rate: rate <= knee_rps, seed)
    bracket = search.bracket(answers)
    assert search.is_narrow(bracket)
    assert bracket.held_rps is not None
    assert bracket.missed_rps is not None
    assert bracket.held_rps <= knee_rps < bracket.missed_rps
    majority = confirmations // 2 + 1
    for end in (Answer(bracket.held_rps, met=True), Answer(bracket.missed_rps, met=False)):
        assert answers.count(end) == majority
    assert len(answers) <= 4 * search.usual_probes


@given(knee_rps=st.floats(1_500, 25_000), noise=st.floats(0.001, 0.1), seed=st.integers(0, 10_000))
@example(knee_rps=25_000.0, noise=0.1, seed=0)
def test_a_noisy_server_is_found_near_its_knee(knee_rps: float, noise: float, seed: int) -> None:
    """Its answers are luck within `noise` of the knee, and certain beyond."""
    draw = random.Random(seed)  # noqa: S311

    def server(rate: float) -> bool:
        return rate <= knee_rps * draw.uniform(1 - noise, 1 + noise)

    bracket = SEARCH.bracket(answered(SEARCH, server, seed))
    assert SEARCH.is_narrow(bracket)
    assert bracket.held_rps is not None
    assert bracket.missed_rps is not None
    assert bracket.held_rps <= knee_rps * (1 + noise)
    assert bracket.missed_rps >= knee_rps * (1 - noise)


@given(seed=st.integers(0, 10_000), luck=st.floats(0, 1))
def test_even_pure_luck_ends(seed: int, luck: float) -> None:
    draw = random.Random(seed)  # noqa: S311
    answered(SEARCH, lambda _rate: draw.random() < luck, seed)


def test_a_spike_in_the_doubling_is_voted_out() -> None:
    spikes = iter([True, True, False])
    answers = answered(SEARCH, lambda rate: next(spikes, rate <= 12_000))
    held_rps = SEARCH.bracket(answers).held_rps
    assert held_rps is not None
    assert 12_000 / 1.05 <= held_rps <= 12_000
    assert len(answers) <= 20


@pytest.mark.parametrize("always", [True, False], ids=["holds", "misses"])
def test_a_knee_out_of_range_is_no_knee(always: bool) -> None:
    answers = answered(SEARCH, lambda _rate: always)
    held_rps, missed_rps = SEARCH.bracket(answers).held_rps, SEARCH.bracket(answers).missed_rps
    assert (held_rps, missed_rps) == ((30_000, None) if always else (None, 1_000))
    assert not SEARCH.is_narrow(SEARCH.bracket(answers))

from __future__ import annotations

import contextlib
import math

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given
from hypothesis import strategies as st

from loadtests.histogram import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS, Histogram

durations_ns = st.lists(st.integers(0, HIGHEST_NS), min_size=1, max_size=60)
quantiles = st.floats(0, 1)


def exact_quantile(values_ns: list[int], quantile: float) -> int:
    """The smallest value that at least `quantile` of all do not exceed (Hyndman & Fan, type 1)."""
    rank = max(1, math.ceil(quantile * len(values_ns) - 1e-9))
    return sorted(values_ns)[rank - 1]


@given(durations_ns, quantiles)
@example([1, 2, 3, 4], 0.5)
@example([1_000_000, 2_000_000], 0.99)
def test_quantile_is_right_to_a_thousandth_or_half_a_microsecond(
    values_ns: list[int], quantile: float
) -> None:
    exact = exact_quantile(values_ns, quantile)
    assert Histogram.of(values_ns).quantile_ns(quantile) == pytest.approx(exact, rel=1e-3, abs=500)


@given(durations_ns, durations_ns)
def test_merging_is_recording_everything(some_ns: list[int], more_ns: list[int]) -> None:
    merged = Histogram.of(some_ns)
    merged.merge(Histogram.of(more_ns))
    whole = Histogram.of(some_ns + more_ns)
    steps = [step / 20 for step in range(21)]
    assert merged.count == whole.count == len(some_ns) + len(more_ns)
    assert merged.quantiles_ns(steps) == whole.quantiles_ns(steps)


@given(durations_ns)
def test_text_brings_everything_back(values_ns: list[int]) -> None:
    before = Histogram.of(values_ns)
    after = Histogram.from_text(before.to_text())
    steps = [0, 0.5, 0.99, 1]
    assert after.count == before.count
    assert after.quantiles_ns(steps) == before.quantiles_ns(steps)


def test_an_empty_one_has_no_quantile_and_survives_text() -> None:
    empty = Histogram.from_text(Histogram().to_text())
    assert empty.count == 0
    assert empty.quantiles_ns([0.5, 0.99]) == [None, None]


def test_values_beyond_the_range_count_as_its_end() -> None:
    beyond = Histogram.of([-5, 10 * HIGHEST_NS])
    assert beyond.count == 2
    assert beyond.quantile_ns(0) == pytest.approx(0, abs=500)
    assert beyond.quantile_ns(1) == pytest.approx(HIGHEST_NS, rel=1e-3)


GOOD = Histogram.of([5_000, 70_000]).to_text()
OTHERS = {
    "other precision": HdrHistogram(LOWEST_NS, HIGHEST_NS, 2),
    "other range": HdrHistogram(LOWEST_NS, 1_000_000, SIGNIFICANT_DIGITS),
    "other unit": HdrHistogram(1, HIGHEST_NS, SIGNIFICANT_DIGITS),
}


@pytest.mark.parametrize(
    "text", ["", "nonsense", "aGVsbG8gd29ybGQ=", "ä", "\0", GOOD[: len(GOOD) // 2]]
)
def test_what_is_no_histogram_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_text(text)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_histogram_of_another_kind_is_a_value_error(other: HdrHistogram) -> None:
    other.record_value(5_000)
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_text(other.encode().decode("ascii"))


@given(st.text(max_size=80))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="histogram"):
        Histogram.from_text(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_damaged_text_is_read_or_refused(place: int, letter: str) -> None:
    damaged = GOOD[:place] + letter + GOOD[place + 1 :]
    with contextlib.suppress(ValueError):
        assert Histogram.from_text(damaged).count >= 0

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.revocations.rates import rate_below, rate_text, rate_words

TRIALS = st.integers(1, 10_000_000)


@given(TRIALS, st.floats(0.5, 0.999))
def test_at_the_bound_no_failure_is_as_likely_as_the_doubt_left(n: int, confidence: float) -> None:
    rate = rate_below(n, confidence)
    assert 0 < rate < 1
    assert (1 - rate) ** n == pytest.approx(1 - confidence, rel=1e-6)


@given(TRIALS)
def test_it_is_the_rule_of_three(n: int) -> None:
    assert 0.95 / n <= rate_below(n) <= 3 / n
    assert rate_below(n + 1) < rate_below(n)


@given(TRIALS)
def test_what_is_said_is_never_less_than_the_bound(n: int) -> None:
    said = float(rate_text(rate_below(n)).removesuffix("%")) / 100
    assert rate_below(n) * (1 - 1e-9) <= said <= rate_below(n) * 1.12


@pytest.mark.parametrize(
    ("n", "said"), [(1, "95%"), (40, "7.3%"), (800, "0.38%"), (2_400, "0.13%"), (300_000, "0.001%")]
)
def test_by_hand(n: int, said: str) -> None:
    assert rate_text(rate_below(n)) == said
    assert rate_words(n) == f"failure rate < {said} at 95%"


def test_nothing_tried_has_no_rate() -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        rate_below(0)

from __future__ import annotations

import pytest

from loadtests.calibration.judging import judged, judged_count, left_out
from loadtests.calibration.rounds import over_rounds
from loadtests.model import CalibrationCheck

ALLOWED_NS = 300_000.0


def p99(*errors_ms: float) -> list[CalibrationCheck]:
    """One quantity, of as many rounds as there are errors."""
    return [
        judged("open, none", "service p99", "a goal", 1e6, 1e6 * (1 + error), ALLOWED_NS)
        for error in errors_ms
    ]


@pytest.mark.parametrize(
    ("errors_ms", "outcome", "told_ms"),
    [
        ((0.1, 0.2, 0.05), "pass", 1.1),
        ((0.1, 4.0, 0.2, 9.0, 0.25), "pass", 1.25),
        ((0.1, 4.0, 0.2, 9.0, 0.9), "undecided", 1.9),
        ((0.4, 0.5, 0.6), "fail", 1.5),
        ((-0.4, -0.5, -0.6), "fail", 0.5),
        ((0.4,), "fail", 1.4),
    ],
)
def test_the_median_round_is_told_and_only_an_error_of_every_round_fails(
    errors_ms: tuple[float, ...], outcome: str, told_ms: float
) -> None:
    (check,) = over_rounds(p99(*errors_ms))
    assert check.outcome == outcome
    assert check.measured == pytest.approx(told_ms)


def test_what_is_undecided_says_in_how_many_rounds_it_was_met() -> None:
    (check,) = over_rounds(p99(0.1, 0.4, 0.5))
    assert check.reason == "within the goal in 1 of 3 rounds"


def test_one_request_lost_in_one_round_fails() -> None:
    lost = [judged_count("open, none", truth, 100, 0) for truth in (100, 101, 100)]
    assert [check.outcome for check in over_rounds(lost)] == ["fail"]


def test_a_round_in_which_nothing_was_measured_fails() -> None:
    nothing = judged("open, none", "service p99", "a goal", 1e6, None, ALLOWED_NS)
    (check,) = over_rounds([*p99(0.1, 0.1), nothing])
    assert (check.outcome, check.reason) == ("fail", "nothing was measured")


def test_rounds_left_out_do_not_count_unless_half_were() -> None:
    busy = left_out("open, none", "service p99", "a goal", "a core was busy")
    assert [check.outcome for check in over_rounds([busy, *p99(0.1, 0.1)])] == ["pass"]
    assert list(over_rounds([busy, busy])) == [busy]
    (check,) = over_rounds([busy, *p99(0.1)])
    assert check.outcome == "left out"
    assert check.reason == "judged in only 1 of 2 rounds; a core was busy"


def test_of_an_even_number_the_worse_middle_counts() -> None:
    (check,) = over_rounds(p99(0.1, 0.2, 0.4, 0.5))
    assert check.outcome == "undecided"
    assert check.measured == pytest.approx(1.4)


def test_things_driven_keep_their_order() -> None:
    first, second = judged_count("a", 1, 1, 0), judged_count("b", 1, 1, 0)
    assert [check.about for check in over_rounds([first, second, first])] == ["a", "b"]

from typing import Any

import pytest

from analysis.outages import Pair, fault_named
from analysis.report.outage_cells import cell_text
from loadtests.model import OutageRecord
from tests.lab_builders import an_outage


def cell_of(*trials: OutageRecord, expected: int = 0, impossible: str | None = None) -> str:
    expected = expected or len(trials) or 3
    pair = Pair("arm", "frozen", fault_named("frozen"), expected, trials, impossible)
    return cell_text(pair).replace("\n", " ")


def failing(from_s: float, to_s: float, share: float = 1.0, **changes: Any) -> OutageRecord:
    """A trial of 2 s, at fault from 0.5 to 1.5 s, with 503 for a share of a hundred a bin."""
    spoiled = round(100 * share)
    bins = [
        {"200": 100 - spoiled, "503": spoiled} if from_s <= n / 10 < to_s else {"200": 100}
        for n in range(20)
    ]
    settings = {
        "bins": tuple(bins),
        "fault_s": 0.5,
        "mended_s": 1.5,
        "ended_s": 2.0,
        "first_error_s": from_s + 0.01,
        "recovered_s": max(to_s, 1.5),
    }
    return an_outage(**settings | changes)


FINE = {"bins": ({"200": 10},) * 20, "first_error_s": None, "recovered_s": 0.5, "fault_s": 0.5}


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([failing(0.5, 1.7), failing(0.5, 1.9)], "503 at once, back within 0.4 s"),
        ([failing(1.0, 1.5)], "503 after 0.5 s, back at once"),
        ([failing(0.5, 1.5, 0.3), failing(0.5, 1.5, 0.1)], "30% failed (503), back at once"),
        ([failing(0.9, 1.0, 0.05)], "< 1% failed (503), back at once"),
        ([failing(1.6, 1.8)], "503 once it was back, back within 0.3 s"),
        ([failing(0.1, 1.8)], "503 at once, back within 0.3 s, FAILED BEFORE"),
        ([failing(0.4, 1.8)], "503 at once, back within 0.3 s"),
        ([failing(0.1, 0.4, policy="unaffected")], "unaffected, FAILED BEFORE"),
        (
            [failing(0.5, 1.7), failing(0.5, 1.7, recovered_s=None, ended_s=4.0)],
            "503 at once, NOT BACK in 1 of 2",
        ),
        (
            [failing(0.5, 1.7), failing(0.5, 1.7, recovered_s=None)],
            "503 at once, ended too soon in 1 of 2",
        ),
        ([failing(0.5, 1.7, logged_out=9)], "503 at once, back within 0.2 s, logs out"),
        ([an_outage(**FINE, worst_response_s=0.031)], "all served, ≤ 31.0 ms"),
        ([an_outage(**FINE, policy="unaffected")], "unaffected"),
        (
            [an_outage(**FINE, policy="unaffected", hung=1, false_accepts=2, false_rejects=1_003)],
            "unaffected, 1 HUNG, 2 LET IN AGAINST THE LAW, 1,003 FALSE REJECTS",
        ),
        (
            [an_outage(**FINE, policy="serves", policy_held=False)],
            "all served, ≤ 310 ms, POLICY BROKEN",
        ),
        ([], "not measured"),
    ],
)  # fmt: skip
def test_a_cell_says_the_worst_of_the_trials(trials: list[OutageRecord], said: str) -> None:
    assert cell_of(*trials) == said


def test_a_cell_says_that_trials_are_missing() -> None:
    fine = an_outage(**FINE, policy="unaffected")
    assert cell_of(fine, expected=3) == "unaffected, 1 of 3 trials"
    assert cell_of(expected=3) == "not measured"
    assert cell_of(expected=3, impossible="too large") == "impossible"

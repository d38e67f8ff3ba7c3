from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.rotation import Window, false_logouts, wilson_interval, windows
from loadtests.model import Replay, TabsRecord
from tests.lab_builders import a_browser, a_theft
from tests.refresh_folders import BROWSERS, browsers_of, refresh_experiment, thief

EXPERIMENT = refresh_experiment(blocks=1)
ARM = "jwt_refresh-grace-1"


@pytest.mark.parametrize(
    ("hits", "trials", "expected"),
    [
        # Newcombe, Statistics in Medicine 17(8), 1998, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (20, 20, (0.8389, 1.0)),
    ],
)
def test_wilsons_interval(hits: int, trials: int, expected: tuple[float, float]) -> None:
    assert wilson_interval(hits, trials) == pytest.approx(expected, abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share_and_stays_a_share(case: tuple[int, int]) -> None:
    hits, trials = case
    low, high = wilson_interval(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    assert low < high


@pytest.mark.parametrize(("hits", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_has_no_interval(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(hits, trials)


def test_every_cell_of_the_plan_is_counted() -> None:
    found = list(false_logouts(EXPERIMENT, list(browsers_of(EXPERIMENT))))
    assert len(found) == 4 * len(BROWSERS.within_s) * len(BROWSERS.tabs)
    assert all(each.browsers == BROWSERS.each for each in found)
    by_cell = {(each.arm, each.within_s, each.tabs): each for each in found}
    assert by_cell["jwt_refresh", 0.05, 2].share == 1.0
    assert by_cell["jwt_refresh", 0.05, 2].high == 1.0
    assert by_cell["jwt_refresh-grace-10", 8.0, 5].logged_out == 0
    assert by_cell[ARM, 0.05, 5].logged_out == 0
    assert by_cell[ARM, 8.0, 5].share > 0.5


def test_thieves_and_what_told_nothing_are_no_false_logouts() -> None:
    cell = {"arm": ARM, "within_s": 8.0, "tabs": 2}
    lines = [
        a_browser(**cell, outcome="logged_out", apart_high_s=1.1),
        a_browser(**cell, outcome="unknown"),
        a_browser(**cell, outcome="kept", phase="another"),
        a_theft(arm=ARM),
    ]
    (found,) = false_logouts(EXPERIMENT, lines)
    assert (found.browsers, found.logged_out) == (1, 1)


def window(lines: list[TabsRecord]) -> Window:
    return next(each for each in windows(EXPERIMENT, lines) if each.arm == ARM)


def test_a_window_lies_between_what_was_taken_and_what_was_refused() -> None:
    thefts = [a_theft(arm=ARM, thief=thief(1.0)) for _ in range(3)]
    seen = window([*thefts, a_browser(arm=ARM)])
    assert (seen.thefts, seen.replays, seen.families_ended, seen.trials) == (3, 6, 3, 4)
    assert seen.accepted_until_s == pytest.approx(0.998)
    assert seen.refused_from_s == pytest.approx(1.003)
    assert (seen.verdict, seen.reason) == ("holds", None)
    # The rule of three, exactly: a rate at which four trials in a row hold in 1 of 20 cases.
    assert (1 - seen.failure_rate) ** 4 == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"thief": (Replay(1.5, 1.51, True),), "family_ended": None}, "BROKEN", "was taken 1.5000"),
        ({"thief": (Replay(0.1, 0.2, False),)}, "BROKEN", "was refused 0.2000 s"),
        ({"family_ended": False}, "BROKEN", "the login lived on"),
        ({"thief": ()}, "not tested", "no rotated token was replayed"),
        ({"thief": (Replay(1.1, 1.2, False),)}, "not tested", "no replay within the grace"),
        (
            {"thief": (Replay(0.5, 0.6, True),), "family_ended": None},
            "not tested",
            "no replay beyond the grace",
        ),
    ],
)
def test_a_grace_holds_only_where_both_its_sides_were_seen(
    changes: dict[str, object], verdict: str, reason: str
) -> None:
    seen = window([dataclasses.replace(a_theft(arm=ARM), **changes)])  # type: ignore[arg-type]
    assert seen.verdict == verdict
    assert reason in (seen.reason or "")


def test_one_breach_among_thousands_breaks_the_grace() -> None:
    lines = [a_browser(arm=ARM, trial=number) for number in range(2_000)]
    lines.append(a_theft(arm=ARM))
    assert window(lines).verdict == "holds"
    lines[777] = a_browser(arm=ARM, outcome="kept", apart_low_s=2.0)
    assert window(lines).verdict == "BROKEN"


def test_an_arm_without_lines_was_not_tested() -> None:
    seen = window([])
    assert (seen.verdict, seen.trials, seen.accepted_until_s) == ("not tested", 0, None)

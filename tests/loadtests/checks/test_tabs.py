from __future__ import annotations

from typing import Any

import pytest

from loadtests.checks import grace_breaches, tabs_findings
from loadtests.model import Replay, TabsRecord
from tests.builders import a_phase, a_slice
from tests.lab_builders import a_browser, a_theft

PHASE = a_phase("tabs")
TAKEN, REFUSED = True, False


def replays(*seen: tuple[float, float, bool]) -> tuple[Replay, ...]:
    return tuple(Replay(*each) for each in seen)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"outcome": "kept", "apart_low_s": 0.9, "apart_high_s": 0.95}, None),
        ({"outcome": "logged_out", "apart_low_s": 1.1, "apart_high_s": 1.2}, None),
        # Nobody can say on which side of the edge these were.
        ({"outcome": "kept", "apart_low_s": 0.99, "apart_high_s": 1.01}, None),
        ({"outcome": "logged_out", "apart_low_s": 0.99, "apart_high_s": 1.01}, None),
        # The store counts whole milliseconds.
        ({"outcome": "kept", "apart_low_s": 1.0009, "apart_high_s": 1.1}, None),
        ({"outcome": "logged_out", "apart_low_s": 0.9, "apart_high_s": 0.9991}, None),
        ({"outcome": "unknown", "apart_low_s": 3.0, "apart_high_s": 3.1}, None),
        ({"outcome": "kept", "apart_low_s": 1.1, "apart_high_s": 1.2}, "1.1000 s apart left"),
        ({"outcome": "logged_out", "apart_low_s": 0.1, "apart_high_s": 0.2}, "within 0.2000 s"),
    ],
)
def test_tabs_within_the_grace_stay_and_tabs_beyond_it_do_not(
    changes: dict[str, Any], says: str | None
) -> None:
    expect([a_browser(grace_s=1.0, **changes)], says)


@pytest.mark.parametrize(
    ("seen", "family_ended", "says"),
    [
        (replays((0.2, 0.21, TAKEN), (1.002, 1.01, REFUSED)), True, None),
        (replays((0.999, 1.01, REFUSED)), True, None),
        (replays((0.2, 0.21, TAKEN), (1.0009, 1.01, TAKEN)), None, None),
        (replays(), None, None),
        (replays((1.2, 1.21, TAKEN)), None, "was taken 1.2000 s"),
        (replays((0.2, 0.21, REFUSED)), True, "was refused 0.2100 s"),
        (replays((1.2, 1.21, REFUSED)), False, "the login lived on"),
    ],
)
def test_a_thief_has_the_grace_and_no_longer(
    seen: tuple[Replay, ...], family_ended: bool | None, says: str | None
) -> None:
    expect([a_theft(grace_s=1.0, thief=seen, family_ended=family_ended)], says)


def expect(lines: list[TabsRecord], says: str | None) -> None:
    found = tabs_findings(PHASE, "jwt_refresh", lines, [])
    assert [finding.name for finding in found if finding.severity == "invalid"] == (
        ["grace_broken"] if says else []
    )
    assert len(grace_breaches(lines)) == len([says] if says else [])
    if says:
        assert says in found[0].message


def test_one_breach_in_thousands_is_found_and_named() -> None:
    lines = [a_browser(trial=number) for number in range(3_000)]
    lines[1_234] = a_browser(trial=1_234, block=3, outcome="kept", apart_low_s=9.0)
    (finding,) = tabs_findings(PHASE, "jwt_refresh", lines, [])
    assert "trial 1234 of block 3" in finding.message
    assert "in 1 of 3000 trials" in finding.message


def test_what_told_nothing_is_counted() -> None:
    assert PHASE.browsers is not None
    asked = PHASE.browsers.per_slice
    slices = [a_slice(phase="tabs", round=number) for number in range(2)]
    lines = [a_browser(trial=number) for number in range(2 * asked)]
    assert tabs_findings(PHASE, "jwt_refresh", lines, slices) == []
    short = [*lines[:-2], a_browser(trial=2 * asked - 1, outcome="unknown")]
    (finding,) = tabs_findings(PHASE, "jwt_refresh", short, slices)
    assert (finding.name, finding.severity) == ("tabs_lost", "warning")
    assert f"2 of {2 * asked} logins" in finding.message

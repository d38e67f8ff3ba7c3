"""What tabs and thieves saw, as outcomes and bounds; and how a slice's trials are planned."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.browsers import plan_browsers, replay_moments_s
from loadtests.model import BEGUN_WITHIN_S, REPLAYS_BEYOND_S, Browsers, Replay
from loadtests.scenarios.tabs import Shared, Shown, Stolen

MS = 1_000_000
BROWSERS = Browsers(tabs=(2, 5), within_s=(0.05, 8.0), each=3, thefts=4)


def shown(status: int | None, sent_ms: int, done_ms: int) -> Shown:
    return Shown(status, sent_ms * MS, done_ms * MS, "next" if status == 200 else "")


@pytest.mark.parametrize(
    ("statuses", "last_status", "outcome"),
    [
        ([200, 200], 200, "kept"),
        ([200, 401], 401, "logged_out"),
        ([401, 401], None, "logged_out"),
        ([200, 200], 401, "logged_out"),
        ([200, 200], 503, "unknown"),
        ([200, 200], None, "unknown"),
        # A lost answer may have rotated: whom it logs out says nothing about tabs.
        ([200, None], 401, "unknown"),
        ([401, 503], None, "unknown"),
    ],
)
def test_a_browser_is_in_or_out_or_tells_nothing(
    statuses: list[int | None], last_status: int | None, outcome: str
) -> None:
    tabs = tuple(shown(status, 0, 1) for status in statuses)
    assert Shared(tabs, last_status).outcome == outcome


@pytest.mark.parametrize(
    ("tabs", "spread_s", "apart_s"),
    [
        # The rotation lies between 10 and 14, the last tab is handled between 50 and 53.
        ([shown(200, 10, 14), shown(200, 50, 53)], 0.040, (0.036, 0.043)),
        ([shown(401, 50, 53), shown(200, 10, 14)], 0.040, (0.036, 0.043)),
        # Two at once: nobody can say which came first.
        ([shown(200, 10, 14), shown(200, 11, 13)], 0.001, (0.0, 0.004)),
        # The one sent first need not be the one that rotated.
        ([shown(401, 10, 40), shown(200, 12, 14), shown(401, 30, 32)], 0.020, (0.016, 0.030)),
        ([shown(401, 10, 14), shown(401, 50, 53)], 0.040, (0.0, 0.043)),
    ],
)
def test_how_far_apart_tabs_were(
    tabs: list[Shown], spread_s: float, apart_s: tuple[float, float]
) -> None:
    shared = Shared(tuple(tabs), None)
    assert shared.spread_s == pytest.approx(spread_s)
    assert shared.apart_s == pytest.approx(apart_s)


@pytest.mark.parametrize(
    ("accepted", "owner_status", "outcome", "family_ended"),
    [
        ([True, True, False], 401, "logged_out", True),
        ([True, False], 200, "kept", False),
        ([True, True], 200, "kept", None),
        ([False], None, "unknown", None),
        ([], None, "unknown", None),
    ],
)
def test_a_refused_reuse_ends_the_family_or_not(
    accepted: list[bool], owner_status: int | None, outcome: str, family_ended: bool | None
) -> None:
    stolen = Stolen(tuple(Replay(0.1, 0.2, each) for each in accepted), owner_status)
    assert (stolen.outcome, stolen.family_ended) == (outcome, family_ended)


def test_a_slice_tries_every_number_of_tabs_in_every_width() -> None:
    plans = plan_browsers(BROWSERS, 1.0, seed=3, first=32, replicas=2)
    assert [plan.trial for plan in plans] == list(range(32, 32 + BROWSERS.per_slice))
    assert Counter((len(plan.offsets_s), plan.within_s) for plan in plans) == {
        (2, 0.05): 3, (2, 8.0): 3, (5, 0.05): 3, (5, 8.0): 3, (0, 0.0): 4,
    }  # fmt: skip
    for plan in plans:
        assert 0 <= plan.begin_s < BEGUN_WITHIN_S
        assert all(0 <= offset_s <= plan.within_s for offset_s in plan.offsets_s)
        assert bool(plan.moments_s) == (not plan.offsets_s)
    assert {plan.first_replica for plan in plans} == {0, 1}
    assert plans == plan_browsers(BROWSERS, 1.0, seed=3, first=32, replicas=2)
    assert plans != plan_browsers(BROWSERS, 1.0, seed=4, first=32, replicas=2)


@given(st.floats(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_thief_comes_later_and_later_and_close_around_the_grace(
    grace_s: float, phase: float
) -> None:
    moments_s = replay_moments_s(grace_s, phase)
    assert list(moments_s) == sorted(set(moments_s))
    assert moments_s[0] >= 0
    assert moments_s[-1] == pytest.approx(grace_s + REPLAYS_BEYOND_S)
    around = [each - grace_s for each in moments_s if abs(each - grace_s) <= 0.05]
    assert sum(each >= 0 for each in around) >= 10
    if grace_s >= 0.1:
        assert sum(each < 0 for each in around) >= 10
        assert moments_s[0] == 0

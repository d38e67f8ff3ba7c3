import pytest

from analysis.revocations.laws import laws_on_trial
from analysis.revocations.lives import ComputedLife, computed_lives
from loadtests.model import RevocationRecord, Setting
from tests.analysis.revocations.trying import ARM, a_line, a_reading, a_run_of

TOKENS: dict[str, Setting] = {"token_ttl_s": 3}


def computed(
    bound_s: float, *lines: RevocationRecord, settings: dict[str, Setting] | None = None
) -> list[ComputedLife]:
    reading = a_reading(a_run_of(bound_s, settings), *lines)
    return list(computed_lives(reading, laws_on_trial(reading)))


def expiring(low_s: float = 2.4, high_s: float | None = 2.43) -> RevocationRecord:
    return a_line(low_s, high_s, ttl_s=3.0)


def test_lives_of_minutes_follow_from_a_law_that_held_on_seconds() -> None:
    assert computed(3.0, expiring(), settings=TOKENS) == [
        ComputedLife(ARM, life_s, 0.0, life_s / 2, life_s) for life_s in (300.0, 900.0, 3600.0)
    ]


def test_leeway_is_added_to_both() -> None:
    (first, *_) = computed(3.5, expiring(), settings=TOKENS | {"clock_leeway_s": 0.5})
    assert (first.mean_lag_s, first.worst_lag_s) == (150.5, 300.5)


@pytest.mark.parametrize(
    "lines",
    [
        (expiring(), expiring(3.2, 3.25)),
        (expiring(2.5, None),),
        (),
    ],
    ids=["broken", "refused too late or never", "not tested"],
)
def test_nothing_is_computed_from_a_law_that_did_not_hold(
    lines: tuple[RevocationRecord, ...],
) -> None:
    short = tuple(
        line if line.lag_high_s is not None else a_line(2.5, None, ttl_s=3.0, watched_s=2.6)
        for line in lines
    )
    assert computed(3.0, *short, settings=TOKENS) == []


def test_where_a_message_ends_it_sooner_only_the_worst_follows() -> None:
    lives = computed(3.0, a_line(0.0, 0.004, ttl_s=3.0), expiring(), settings=TOKENS)
    assert [life.mean_lag_s for life in lives] == [None] * 3
    assert [life.worst_lag_s for life in lives] == [300.0, 900.0, 3600.0]


def test_a_law_about_staleness_says_nothing_of_lives() -> None:
    settings = TOKENS | {"staleness_s": 1}
    assert computed(1.0, a_line(0.0, 0.004, ttl_s=3.0), settings=settings) == []
    assert computed(0.0, a_line(0.0, 0.001, ttl_s=3.0)) == []


def test_an_old_run_gives_every_victim_the_phases_life() -> None:
    old = a_line(2.0, 2.02, ttl_s=None, watched_s=None)
    assert [life.life_s for life in computed(900.0, old)] == [300.0, 900.0, 3600.0]

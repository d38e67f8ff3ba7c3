import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.charts.lag_panel import ROLE, ArmLags
from analysis.revocations.exposure import Exposure
from analysis.revocations.lags import LagGroup, lag_groups
from analysis.revocations.loads import at_load, by_load, load_text, usual
from analysis.revocations.spacing import Spacing
from analysis.stats import nearest_rank
from loadtests.model import RevocationRecord
from tests.analysis.revocations.trying import a_line, a_load, a_reading, a_run_of

IDLE, USUAL, BUSY = a_load("idle", 0.0), a_load("usual", 0.3), a_load("busy", 0.8)


def groups_of(*lines: RevocationRecord) -> dict[tuple[str, str], LagGroup]:
    run = a_run_of(1.0, phases=(USUAL, IDLE, BUSY))
    return {(g.change, g.phase.name): g for g in lag_groups(a_reading(run, *lines))}


def lines_with(lags_s: list[float], **changes: object) -> list[RevocationRecord]:
    return [
        a_line(0.0, high_s, trial=n, phase="usual", sent_s=float(n), **changes)
        for n, high_s in enumerate(lags_s)
    ]


def test_loads_and_roles_are_never_mixed() -> None:
    groups = groups_of(
        a_line(0, 0.003, phase="usual"),
        a_line(0, 0.500, phase="usual", how="role"),
        a_line(0, 0.040, phase="busy", how="logout"),
    )
    assert list(groups) == [("revoke", "usual"), ("revoke", "busy"), ("role", "usual")]
    assert [group.replica.all_s for group in groups.values()] == [[0.003], [0.040], [0.5]]


def test_the_spacing_shown_is_that_of_revokes_under_the_usual_load() -> None:
    groups = groups_of(
        a_line(0, 0.003, phase="idle", spacing_p99_s=0.002),
        a_line(0, 0.003, phase="usual", how="role", spacing_p99_s=0.004),
        a_line(0, 0.003, phase="usual", spacing_p99_s=0.003),
        a_line(0, 0.003, phase="busy", spacing_p99_s=0.009),
    )
    lines = {phase.name: ROLE for phase in (IDLE, USUAL, BUSY)}
    shown = ArmLags.of("an arm", list(groups.values()), lines, 1.0)
    assert shown.spacing.typical_s == 0.003


def test_quantiles_are_of_all_blocks_and_their_median_of_each() -> None:
    lines = [
        line
        for block in range(3)
        for line in lines_with([(n + 1 + 100 * block) / 1000 for n in range(100)], block=block)
    ]
    lags = groups_of(*lines)["revoke", "usual"].replica
    assert lags.trials == 300
    assert lags.quantile_s(0.5) == pytest.approx(0.150)
    assert lags.quantile_s(0.99) == pytest.approx(0.297)
    assert lags.median_of_blocks_s(0.99) == pytest.approx(median([0.099, 0.199, 0.299]))


def test_a_p99_needs_a_hundred_and_its_median_a_hundred_in_each_block() -> None:
    short = lines_with([0.01] * 99, block=0)
    lags = groups_of(*short)["revoke", "usual"].replica
    assert (lags.quantile_s(0.99), lags.quantile_s(1.0)) == (None, 0.01)
    lags = groups_of(*short, *lines_with([0.01] * 100, block=1))["revoke", "usual"].replica
    assert (lags.quantile_s(0.99), lags.median_of_blocks_s(0.99)) == (0.01, None)


def test_a_replica_that_never_refused_ranks_last() -> None:
    lags = groups_of(*lines_with([0.1, 0.2]), a_line(3.0, None, phase="usual", trial=9))
    replica = lags["revoke", "usual"].replica
    assert (replica.never, replica.quantile_s(0.5), replica.quantile_s(1.0)) == (1, 0.2, math.inf)


def test_the_worst_replica_is_one_a_trial_and_wants_all_of_them() -> None:
    def trial(number: int, *highs: float, told: bool = True) -> list[RevocationRecord]:
        lines = [
            a_line(0.0, high, trial=number, replica=n, phase="usual", sent_s=float(number))
            for n, high in enumerate(highs)
        ]
        silent = a_line(0.0, None, trial=number, replica=9, phase="usual", sent_s=float(number))
        return lines if told else [*lines, silent]

    group = groups_of(*trial(0, 0.1, 0.3, 0.2), *trial(1, 0.01, 0.02), *trial(2, 9.0, told=False))
    assert sorted(group["revoke", "usual"].worst.all_s) == [0.02, 0.3]
    assert group["revoke", "usual"].replica.trials == 6


def test_attempts_of_a_repeated_round_are_trials_of_their_own() -> None:
    first, again = a_line(0, 0.1, phase="usual"), a_line(0, 0.2, phase="usual", sent_s=90.0)
    assert groups_of(first, again)["revoke", "usual"].worst.trials == 2


@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1), st.floats(0.001, 1.0))
def test_a_nearest_rank_is_reached_by_its_share_and_no_smaller_value_is(
    values: list[float], quantile: float
) -> None:
    found = nearest_rank(values, quantile)
    share = sum(value <= found for value in values) / len(values)
    assert share >= quantile - 1e-9
    assert all(
        sum(value <= less for value in values) / len(values) < quantile
        for less in values
        if less < found
    )


def test_spacing_is_what_was_asked_and_what_came_of_it() -> None:
    lines = [a_line(spacing_p99_s=p99_s, wide_gaps=1) for p99_s in (0.0021, 0.0023, 0.009)]
    spacing = Spacing.of(lines, None, 1.0)
    assert (spacing.asked_s, spacing.typical_s, spacing.worst_s) == (0.002, 0.0023, 0.009)
    assert spacing.wide_gaps == 3
    assert [spacing.lag_text(lag_s) for lag_s in (0.0, 0.002, 0.0021, math.inf)] == [
        "≤ 2 ms",
        "≤ 2 ms",
        "2.10 ms",
        "never",
    ]


def test_where_lines_note_no_spacing_it_is_the_planned_one() -> None:
    trials = a_load("x", 0.3).trials
    old = a_line(probe_every_s=None, spacing_p99_s=None)
    assert Spacing.of([old], trials, 1.0).asked_s == 0.002
    assert Spacing.of([old], trials, 1.0).achieved_text == "not noted"


def test_loads_are_told_apart_by_share_or_else_by_name() -> None:
    phases = (USUAL, IDLE, BUSY)
    assert [phase.name for phase in by_load(phases)] == ["idle", "usual", "busy"]
    assert usual(phases) == USUAL
    assert at_load(USUAL, phases) == " at 30% load"
    assert at_load(USUAL, (USUAL,)) == ""
    assert load_text(USUAL, (*phases, a_load("again", 0.3))) == "30% (usual)"


def test_exposure_is_rate_times_lag_between_its_two_ends() -> None:
    lines = [
        a_line(0.1, 0.2, accepted_after_ack=50, requests_at_risk=51),
        a_line(0.3, 0.4, accepted_after_ack=150, requests_at_risk=150),
    ]
    exposure = Exposure.of(lines)
    expected = exposure.expected(100.0)
    assert expected.mean_low == pytest.approx(20)
    assert expected.mean_high == pytest.approx(30)
    assert expected.worst == pytest.approx(40)
    assert (exposure.accepted, exposure.at_risk, exposure.most) == (200, 201, 150)


def test_exposure_without_end_is_said_to_have_none() -> None:
    expected = Exposure.of([a_line(0.1, 0.2), a_line(2.0, None)]).expected(1.0)
    assert math.isinf(expected.mean_low)
    assert math.isinf(expected.worst)

"""Trials against replicas whose lag is known: each goes on accepting for so long after a revoke."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from loadtests.model import RevocationRecord
from loadtests.trial import LATE_PROBES
from loadtests.trial_plans import LATER_S, PATIENCE_S, lanes_for, refusals_to_stop
from tests.loadtests.lagging_replicas import SIZES, TRIALS, Accounts, tried


def run(accounts: Accounts, *asked: Any, **how: Any) -> list[RevocationRecord]:
    return tried(accounts, *asked, **how).lines


def test_the_interval_holds_each_replicas_lag() -> None:
    accounts = Accounts()
    lags_s = (0.0, 0.2)
    lines = run(accounts, lags_s)
    assert sorted((line.trial, line.replica) for line in lines) == [(4, 0), (4, 1), (5, 0), (5, 1)]
    for line in lines:
        assert line.revoke == "ok"
        assert line.effective_within_s == 0.5
        assert line.lag_high_s is not None
        # The server's lag counts from before its answer; and a probe that waits in a busy server
        # may be refused though it was sent while others were let in.
        assert line.lag_low_s <= lags_s[line.replica]
        assert line.lag_high_s >= max(line.lag_low_s, lags_s[line.replica] / 2)
        assert line.reaccepted == 0
        assert (line.accepted_after_ack > 0) == (line.lag_low_s > 0)
    assert all(line.lag_low_s > 0.1 for line in lines if line.replica == 1)


def test_every_trial_has_a_victim_of_its_own_beyond_the_population() -> None:
    accounts = Accounts()
    run(accounts, [0.0])
    asked = sorted(accounts.minted, key=lambda each: int(each["first_user"]))
    assert asked == [
        {"count": 1, "ttl_s": 1, "first_user": 1004},
        {"count": 1, "ttl_s": 1, "first_user": 1005},
    ]
    assert sorted(accounts.revokes) == ["/admin/users/user-1004/revoke", "/logout"]


def test_a_replica_that_never_refuses_has_no_upper_end() -> None:
    lines = run(Accounts(), [60.0])
    assert [line.lag_high_s for line in lines] == [None, None]
    assert all(line.lag_low_s > 0.5 and line.first_rejected_sent_s is None for line in lines)


@pytest.mark.parametrize(("status", "outcome"), [(403, "refused"), (503, "indeterminate")])
def test_a_revoke_that_was_not_acknowledged_says_so(status: int, outcome: str) -> None:
    assert {line.revoke for line in run(Accounts(revoking=status), [0.0])} == {outcome}


def test_a_trial_that_cannot_begin_gives_no_line() -> None:
    assert run(Accounts(minting=False), [0.0]) == []


def test_of_a_changed_role_the_old_one_counts_as_accepted() -> None:
    accounts = Accounts()
    sizes = replace(SIZES, trials=3)
    lines = run(accounts, (0.0, 0.2), sizes=sizes, changes_roles=True)
    changed = [line for line in lines if line.how == "role"]
    assert sorted(accounts.revokes)[1:] == ["/admin/users/user-1008/role", "/logout"]
    assert {line.how for line in lines} == {"kick", "logout", "role"}
    for line in changed:
        lag_s = (0.0, 0.2)[line.replica]
        assert line.revoke == "ok"
        assert line.lag_low_s <= lag_s
        assert line.lag_high_s is not None
        assert line.lag_high_s >= max(line.lag_low_s, lag_s / 2)
    assert {line.replica for line in changed} == {0, 1}


def test_a_replica_is_looked_at_again_when_its_law_has_passed() -> None:
    accounts, bound_s = Accounts(), 0.6
    lines = run(accounts, [0.0], law_bound_s=bound_s)
    pauses_s = []
    for asked_s in accounts.asked_s.values():
        gaps_s = [later - sooner for sooner, later in pairwise(asked_s)]
        pauses_s.append(max(gaps_s))
        assert gaps_s.index(max(gaps_s)) == len(gaps_s) - LATE_PROBES
    for line in lines:
        assert line.lag_high_s is not None
        assert line.lag_high_s < bound_s
        assert line.watched_s is not None
        assert line.watched_s > bound_s
        # The pause before is no part of the schedule.
        assert (line.spacing_p99_s or 0.0) < min(bound_s / 2, *pauses_s)


def test_a_replica_that_refused_at_once_is_looked_at_again_a_while_later() -> None:
    for line in run(Accounts(), [0.0], law_bound_s=0.0):
        assert line.lag_high_s is not None
        assert line.lag_high_s < LATER_S / 2
        assert line.watched_s is not None
        assert line.watched_s > LATER_S
        assert line.reaccepted == 0
    for line in run(Accounts(), [0.0], law_bound_s=0.0, forgets_after_s=0.9):
        assert line.reaccepted >= 1


def test_a_law_longer_than_its_victims_live_cannot_be_looked_at() -> None:
    for line in run(Accounts(), [0.0], law_bound_s=900.0):
        assert (line.watched_s or 0.0) < TRIALS.ttl_s


def test_a_replica_that_forgets_a_revocation_within_the_law_is_found_out() -> None:
    bound_s = 0.6
    for line in run(Accounts(), [0.0], law_bound_s=bound_s, forgets_after_s=0.5):
        assert line.reaccepted >= 1
        assert line.lag_low_s > bound_s


def test_connections_take_turns_where_answers_take_longer_than_the_spacing() -> None:
    accounts = Accounts()
    run(accounts, [0.0], sizes=replace(SIZES, trials=1), answers_after_s=0.012)
    assert accounts.most_under_way > 1


def test_every_connection_stands_before_the_first_trial_begins() -> None:
    accounts = Accounts()
    run(accounts, [0.0, 0.0])
    lanes_and_one = math.ceil(PATIENCE_S / SIZES.probe_every_s) + 1
    assert accounts.minted_when_connected == [0] * (2 * SIZES.at_once * lanes_and_one)


@pytest.mark.parametrize(
    ("at_once", "begun"), [(1, ["mint", "revoke"] * 3), (3, ["mint"] * 3 + ["revoke"] * 3)]
)
def test_so_many_run_at_once(at_once: int, begun: list[str]) -> None:
    accounts = Accounts()
    lines = run(accounts, [0.0], sizes=replace(SIZES, trials=3, at_once=at_once))
    assert accounts.events == begun
    assert len({line.trial for line in lines}) == 3


def test_while_it_waits_for_its_last_look_a_trial_makes_room_for_the_next() -> None:
    accounts = Accounts()
    run(accounts, [0.0], sizes=replace(SIZES, at_once=1), law_bound_s=0.7)
    first, second = accounts.asked_s.values()
    assert second[0] < first[-1]


def test_a_settled_replica_is_asked_no_more_and_keeps_no_lane_waiting_for_its_turn() -> None:
    accounts = Accounts()
    lanes, enough = lanes_for(SIZES.probe_every_s), refusals_to_stop(SIZES.probe_every_s)
    run(accounts, [0.0], sizes=replace(SIZES, trials=5, at_once=1))
    trials = list(accounts.asked_s.items())
    for victim, asked_s in trials:
        refused = sum(at_s > accounts.revoked_at_s[victim] for at_s in asked_s)
        assert enough <= refused < enough + lanes / 2
    # Where one lane waits for its turn the next trial begins that much later.
    pauses_s = [later[0] - sooner[-1] for (_, sooner), (_, later) in pairwise(trials)]
    assert median(pauses_s) < PATIENCE_S / 2


def test_where_no_replica_settles_the_last_probes_keep_to_the_schedule() -> None:
    accounts = Accounts()
    run(accounts, [60.0], sizes=replace(SIZES, trials=1))
    (asked_s,) = accounts.asked_s.values()
    latest = [at_s for at_s in asked_s if at_s > asked_s[-1] - PATIENCE_S / 2]
    assert 2 < len(latest) < 0.75 * lanes_for(SIZES.probe_every_s)


def test_what_has_to_wait_for_its_turn_is_not_begun_when_the_time_is_over() -> None:
    accounts, sizes = Accounts(), replace(SIZES, trials=5)
    told = tried(accounts, [0.0, 0.0], sizes=sizes, last_begin_ns=time.monotonic_ns())
    assert Counter(line.trial for line in told.lines) == {10: 2, 11: 2}
    assert told.not_begun == 3
    assert len(accounts.minted) == 2
    assert told.probes_rps > 0


def test_with_time_left_every_trial_is_made() -> None:
    later_ns = time.monotonic_ns() + 60 * 10**9
    told = tried(Accounts(), [0.0], sizes=replace(SIZES, trials=4), last_begin_ns=later_ns)
    assert len({line.trial for line in told.lines}) == 4
    assert told.not_begun == 0

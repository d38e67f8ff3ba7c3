from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.model import LawRecord, Load, Outage
from loadtests.outage.cues import Cue, TrialPlan, cue_line, parse_cue
from loadtests.outage.timeline import Victim, first_probe_ns, plan_victims, victims_life_s
from tests.loadtests.outage.cases import CACHED, NONE, PLAIN, SESSIONS, S

OUTAGE = Outage("frozen", 5.0, 5.0, 10.0, victims_before=30, victims_during=20, probe_every_s=1.0)


def a_plan(seed: int = 1) -> TrialPlan:
    return TrialPlan(OUTAGE, Load("poisson", rate_rps=100.0), seed, 60, {"session_redis": None})


def test_victims_are_revoked_on_either_side_of_the_fault_through_any_replica() -> None:
    victims = plan_victims(a_plan(), 2, "session_redis")
    assert [victim.number for victim in victims] == list(range(60, 110))
    assert all(S <= victim.revoke_ns < 5 * S for victim in victims[:30])
    assert all(5 * S < victim.revoke_ns <= 10 * S for victim in victims[30:])
    assert {victim.via_replica for victim in victims} == {0, 1}
    assert [victim.how for victim in victims[:4]] == ["kick", "logout", "kick", "logout"]
    (offset_ns,) = {victim.probe_offset_ns for victim in victims}
    assert 0 <= offset_ns <= S


def test_arms_and_trials_are_probed_out_of_step_with_each_other() -> None:
    offsets_ns = {
        victim.probe_offset_ns
        for seed in range(3)
        for arm in ("session_redis", "jwt_hs256")
        for victim in plan_victims(a_plan(seed), 2, arm)
    }
    assert len(offsets_ns) == 6


def test_seed_and_arm_decide() -> None:
    assert plan_victims(a_plan(), 2, "a") == plan_victims(a_plan(), 2, "a")
    assert plan_victims(a_plan(), 2, "a") != plan_victims(a_plan(), 2, "b")
    assert plan_victims(a_plan(1), 2, "a") != plan_victims(a_plan(2), 2, "a")


@given(
    revoke_ns=st.integers(0, 10 * S),
    offset_ns=st.integers(0, 2 * S),
    replica=st.integers(0, 2),
)
def test_each_replica_meets_a_victim_within_a_spacing_before_its_revoke(
    revoke_ns: int, offset_ns: int, replica: int
) -> None:
    victim = Victim(60, "kick", 0, revoke_ns, offset_ns)
    first_ns = first_probe_ns(victim, replica, 3, 2 * S)
    assert revoke_ns - 2 * S < first_ns <= max(revoke_ns, 2 * S)
    # On the same schedule as if it had been probed from the begin.
    assert (first_ns - offset_ns - 2 * S * replica // 3) % (2 * S) == 0
    assert first_ns >= 0


@pytest.mark.parametrize(
    ("law", "life_s"),
    [
        (SESSIONS, None),
        (CACHED, None),
        (NONE, None),
        (PLAIN, 17),
        # Their tokens live no longer than the law says.
        (LawRecord(12.0, "", "", ""), 12),
    ],
)
def test_victims_of_a_law_of_tokens_expire_within_the_trial_and_no_others(
    law: LawRecord, life_s: int | None
) -> None:
    assert victims_life_s(OUTAGE, law) == life_s


@pytest.mark.parametrize("cue", [Cue(trial=a_plan()), Cue(begin_ns=123), Cue(end=True)])
def test_a_cue_is_a_line(cue: Cue) -> None:
    line = cue_line(cue)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse_cue(line) == cue

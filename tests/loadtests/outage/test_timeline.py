from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

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


def first_probes(plan: TrialPlan, arm: str, replica: int) -> list[int]:
    """Within a spacing, of each victim."""
    spacing_ns = int(OUTAGE.probe_every_s * S)
    victims = plan_victims(plan, 2, arm)
    return [first_probe_ns(victim, replica, 2, spacing_ns) % spacing_ns for victim in victims]


def gaps_ns(instants_ns: list[int]) -> list[int]:
    """Of a schedule that repeats every second."""
    instants_ns = sorted(set(instants_ns))
    return [after - before for before, after in pairwise([*instants_ns, instants_ns[0] + S])]


def test_probes_are_spread_evenly_over_a_spacing_and_come_together() -> None:
    first, second = (first_probes(a_plan(), "session_redis", replica) for replica in (0, 1))
    # A tenth of a spacing at each replica; at both together a twentieth.
    assert gaps_ns(first) == gaps_ns(second) == [S // 10] * 10
    assert gaps_ns(first + second) == [S // 20] * 20
    hows: dict[int, set[str]] = defaultdict(set)
    for victim, instant_ns in zip(plan_victims(a_plan(), 2, "session_redis"), first, strict=True):
        hows[instant_ns].add(victim.how)
    assert list(hows.values()) == [{"kick", "logout"}] * 10


def test_arms_and_trials_are_probed_out_of_step_with_each_other() -> None:
    plans = [a_plan(seed) for seed in range(3)]
    starts = {first_probes(plan, arm, 0)[0] for plan in plans for arm in ("a", "b")}
    assert len(starts) == 6


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
    assert (first_ns - offset_ns - 2 * S * replica * 11 // 30) % (2 * S) == 0
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

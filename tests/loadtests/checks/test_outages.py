from __future__ import annotations

from typing import Any

import pytest

from loadtests.checks import outage_findings
from loadtests.model import Finding, Outage, OutageRecord
from tests.builders import a_phase
from tests.lab_builders import an_outage

OUTAGE = Outage("frozen", 0.2, 0.2, 0.1, victims_before=1, victims_during=1, probe_every_s=0.5)
PHASE = a_phase("outage", outage=OUTAGE)


def found(*trials: OutageRecord, asked: int = 1) -> list[Finding]:
    return outage_findings(PHASE, {"session_redis": trials}, asked)


def test_a_trial_that_went_as_the_law_says_gives_nothing() -> None:
    assert found(an_outage()) == []


def test_phases_of_other_kinds_have_no_outages() -> None:
    assert outage_findings(a_phase("capacity"), {"session_redis": []}, 3) == []


@pytest.mark.parametrize(
    ("changes", "name", "severity", "detail"),
    [
        (
            {"false_accepts": 2, "false_accept_worst_s": 0.25},
            "false_accept",
            "invalid",
            "2 in 1 of 2 trials, in trial 0 0.250 s too late",
        ),
        ({"false_rejects": 3}, "false_reject", "invalid", "3 requests"),
        ({"hung": 4}, "hung_requests", "invalid", "4 requests"),
        (
            {"policy_held": False, "policy_why": "served"},
            "policy_broken",
            "warning",
            "at_once in 1 of 2 trials, in trial 0: served",
        ),
    ],
)
def test_what_is_wrong_with_an_arm_is_said_once(
    changes: dict[str, Any], name: str, severity: str, detail: str
) -> None:
    (finding,) = found(an_outage(**changes), an_outage(trial=1), asked=2)
    assert (finding.name, finding.severity) == (name, severity)
    assert (finding.arm, finding.phase) == ("session_redis", "outage")
    assert finding.message.endswith(detail)


def test_what_is_announced_is_no_finding() -> None:
    assert found(an_outage(logged_out=12, accepted_after_ack=3, revokes_indeterminate=9)) == []


def test_a_full_machine_is_said_once_for_all_arms() -> None:
    trials = [an_outage(busy_share=0.9), an_outage(trial=1, busy_share=0.97)]
    by_arm = {"session_redis": trials, "none": trials}
    (finding,) = outage_findings(PHASE, by_arm, 2)
    assert (finding.name, finding.arm) == ("outage_crowded", None)
    assert finding.message.endswith("2 of 2, 97% of all CPU time in use")
    assert found(an_outage(busy_share=0.84)) == []
    # Of two groups each has its own.
    quiet = [an_outage(trial=trial, busy_share=0.2, started_s=99.0) for trial in (0, 1)]
    by_arm["jwt_hs256"] = quiet
    (finding,) = outage_findings(PHASE, by_arm, 2)
    assert "2 of 4, 97%" in finding.message


def test_missing_trials_and_late_mends_are_said() -> None:
    late = an_outage(mended_s=19.0, ended_s=20.0, recovered_s=None)
    (finding,) = found(late, asked=3)
    assert finding.name == "outage_untold"
    assert finding.message.endswith("2 of 3 missing; 1 ended too soon after the mend")

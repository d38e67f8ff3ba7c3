from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from loadtests.checks import revocation_findings
from loadtests.checks.revocations import allowed_s
from loadtests.model import Finding, LawRecord, RevocationRecord, SliceRecord
from tests.builders import a_phase, a_slice, a_trial, an_endpoint

REVOCATION = a_phase("revocation")
PER_SLICE = 2


def a_law(bound_s: float | None) -> LawRecord:
    return LawRecord(bound_s, "a sentence", "down", "back")


def findings(
    trials: Sequence[RevocationRecord],
    slices: Sequence[SliceRecord] = (),
    law: LawRecord | None = None,
) -> list[Finding]:
    return revocation_findings(REVOCATION, "none", trials, slices, law, PER_SLICE)


def names(trials: Sequence[RevocationRecord], bound_s: float | None = None) -> list[str]:
    return [each.name for each in findings(trials, law=a_law(bound_s))]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lag_low_s": 0.5, "effective_within_s": 0.5}, []),
        ({"lag_low_s": 0.501, "effective_within_s": 0.5}, ["law_broken"]),
        ({"lag_low_s": 0.0001, "effective_within_s": 0.0}, ["law_broken"]),
        ({"lag_low_s": 99.0, "effective_within_s": None}, []),
        ({"lag_low_s": 9.0, "effective_within_s": 0.5, "revoke": "refused"}, ["trials_lost"]),
        ({"lag_low_s": 9.0, "effective_within_s": 0.5, "revoke": "indeterminate"},
         ["trials_lost"]),
        ({"lag_high_s": None, "accepted_after_ack": 0}, ["trials_lost"]),
        ({"lag_high_s": None, "accepted_after_ack": 3, "effective_within_s": None}, []),
        ({"how": "role", "lag_low_s": 0.6, "effective_within_s": 0.5}, ["law_broken"]),
    ],
)  # fmt: skip
def test_promises(changes: dict[str, Any], expected: list[str]) -> None:
    assert names([a_trial(), a_trial(**changes)]) == expected


@pytest.mark.parametrize(
    ("bound_s", "promised_s", "lag_low_s", "expected"),
    [
        (1.0, 1.0, 0.9, []),
        (1.0, 1.0, 1.1, ["law_broken"]),
        # What was promised for less than the law allows must hold too.
        (1.0, 0.5, 0.6, ["law_broken"]),
        (1.0, 2.0, 0.9, ["promise_beyond_law"]),
        (1.0, 2.0, 1.1, ["law_broken", "promise_beyond_law"]),
        (1.0, None, 0.0, ["promise_beyond_law"]),
        (0.0, 0.0, 0.0, []),
        (None, None, 99.0, []),
        (None, 1.0, 0.5, []),
        (None, 1.0, 1.5, ["law_broken"]),
    ],
)
def test_the_law_judges_what_servers_promise(
    bound_s: float | None, promised_s: float | None, lag_low_s: float, expected: list[str]
) -> None:
    trial = a_trial(effective_within_s=promised_s, lag_low_s=lag_low_s)
    assert names([trial], bound_s) == expected
    told = findings([trial], law=a_law(bound_s))
    assert {each.severity for each in told} <= {"invalid"}


def test_only_acknowledged_revokes_promise_anything() -> None:
    refused = a_trial(revoke="refused", effective_within_s=None)
    assert names([refused], 1.0) == ["trials_lost"]


@pytest.mark.parametrize(
    ("bound_s", "promised_s", "least_s"),
    [(1.0, 2.0, 1.0), (2.0, 1.0, 1.0), (None, 1.0, 1.0), (1.0, None, 1.0), (None, None, None)],
)
def test_the_lesser_of_law_and_promise_is_allowed(
    bound_s: float | None, promised_s: float | None, least_s: float | None
) -> None:
    assert allowed_s(a_trial(effective_within_s=promised_s), bound_s) == least_s


def test_a_broken_law_names_the_worst_trial() -> None:
    trials = [
        a_trial(trial=1, lag_low_s=0.1),
        a_trial(trial=2, lag_low_s=0.7, replica=3, block=4),
        a_trial(trial=3, lag_low_s=0.2),
    ]
    (finding,) = findings(trials)
    assert finding.severity == "invalid"
    assert "trial 2 of block 4, replica 3: 0.7000 s, promised 0 s" in finding.message


def test_one_broken_line_in_thousands_is_found() -> None:
    trials = [a_trial(trial=number) for number in range(5_000)]
    trials[3_217] = a_trial(trial=3_217, lag_low_s=0.0004)
    assert names(trials, 0.0) == ["law_broken"]


def test_a_promise_beyond_the_law_is_named_with_both() -> None:
    trial = a_trial(effective_within_s=2.5, how="logout", replica=1)
    (finding,) = findings([a_trial(), trial], law=a_law(1.0))
    assert finding.message.endswith("replica 1: logout effective within 2.5 s, by law within 1 s")
    (finding,) = findings([a_trial(effective_within_s=None)], law=a_law(1.0))
    assert finding.message.endswith("kick effective never, by law within 1 s")


def test_who_was_let_in_again_was_let_in_too_often() -> None:
    (finding,) = findings([a_trial(), a_trial(trial=9, reaccepted=2), a_trial(reaccepted=1)])
    assert (finding.name, finding.severity) == ("reacceptance", "invalid")
    assert finding.message.endswith(
        ": 3 times in 2 of 3 replica-trials; trial 9 of block 0, replica 0"
    )
    assert names([a_trial(reaccepted=1, revoke="indeterminate")]) == ["trials_lost"]


@pytest.mark.parametrize(
    ("outcomes", "rejected"),
    [({"200": 300}, None), ({"200": 299, "401": 1}, "1 of 300"), ({"200": 290, "503": 10}, None)],
)
def test_a_user_nobody_revoked_is_never_rejected(
    outcomes: dict[str, int], rejected: str | None
) -> None:
    slices = [a_slice(replicas=1, endpoints={"GET /me": an_endpoint(outcomes)})]
    found = findings([a_trial(), a_trial()], slices)
    assert [each.name for each in found] == ([] if rejected is None else ["false_reject"])
    for each in found:
        assert each.severity == "invalid"
        assert each.message.endswith(f": {rejected} requests")


@pytest.mark.parametrize(("wide", "expected"), [(0, []), (3, []), (4, ["sparse_probes"])])
def test_probes_are_sparse_where_more_than_a_hundredth_of_the_gaps_is_wide(
    wide: int, expected: list[str]
) -> None:
    # 2 × 199 gaps.
    trials = [a_trial(probes=200, wide_gaps=wide), a_trial(probes=200)]
    assert names(trials) == expected
    assert {each.severity for each in findings(trials)} <= {"warning"}


@pytest.mark.parametrize(
    ("loads", "asked", "expected"),
    [
        ([0.39, 0.40], 0.3, []),
        ([0.41, 0.41], 0.3, ["load_missed"]),
        ([0.30, 0.59], 0.3, ["load_missed"]),
        ([0.19, 0.19], 0.3, ["load_missed"]),
        # Nothing but probes was asked for; or there is no capacity to measure by.
        ([0.31, 0.31], 0.0, []),
        ([0.0, 0.0], 0.3, []),
    ],
)
def test_trials_at_another_load_than_asked_are_told(
    loads: list[float], asked: float, expected: list[str]
) -> None:
    assert REVOCATION.trials is not None
    phase = replace(REVOCATION, trials=replace(REVOCATION.trials, background_fraction=asked))
    trials = [a_trial(load_fraction=load, load_asked=asked) for load in loads]
    found = revocation_findings(phase, "none", trials, [], None, per_slice=1)
    assert [each.name for each in found if each.name == "load_missed"] == expected


def test_no_trials_say_nothing() -> None:
    assert findings([]) == []


def test_other_phases_are_not_asked() -> None:
    rejected = a_slice(endpoints={"GET /me": an_endpoint({"401": 9})})
    assert revocation_findings(a_phase("capacity"), "none", [], [rejected], None, 0) == []


def test_trials_that_there_was_no_time_for_are_told_and_not_missed() -> None:
    slices = [a_slice(phase="revocation", replicas=2, not_begun=each) for each in (0, 2, 1)]
    begun = [a_trial()] * 2 * (3 * PER_SLICE - 3)
    (finding,) = findings(begun, slices)
    assert (finding.name, finding.severity) == ("trials_not_begun", "warning")
    assert finding.message.endswith(f": 3 of {3 * PER_SLICE} trials")
    assert [each.name for each in findings(begun[1:], slices)] == [
        "trials_not_begun", "trials_lost",
    ]  # fmt: skip


def test_trials_without_a_line_are_missed() -> None:
    slices = [a_slice(phase="revocation", replicas=2)] * 3
    (finding,) = findings([a_trial()], slices)
    assert finding.name == "trials_lost"
    assert finding.message.endswith(f": {6 * PER_SLICE - 1} of {6 * PER_SLICE} replica-trials")

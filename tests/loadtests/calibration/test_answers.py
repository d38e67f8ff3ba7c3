"""The real scripted servers, the real walk in a real Locust, two seconds of it."""

from __future__ import annotations

import dataclasses

import pytest

from loadtests.calibration.answers import Plan, judge, walk
from loadtests.calibration.drive import Walked
from loadtests.calibration.scripted import Truth
from loadtests.model import CalibrationCheck
from loadtests.placement import place, usable_cpus

PLAN = Plan(
    scripts=("none", "bimodal"), closed_s=0.4, open_s=0.6, rate_rps=300.0, guard_s=0.05,
    rounds=1, max_repeats=0,
)  # fmt: skip
Seen = tuple[Walked, dict[str, Truth]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """As on a machine where nothing else ran meanwhile, whatever ran beside the test."""
    walked, truths = walk(PLAN, place(usable_cpus()))
    assert walked.others_share >= 0
    records = {
        planned: dataclasses.replace(record, foreign_cpu_s=0.0, steal_s=0.0)
        for planned, record in walked.records.items()
    }
    return dataclasses.replace(walked, records=records, others_share=0.0), truths


def checks(seen: Seen) -> list[CalibrationCheck]:
    return list(judge(*seen, usable=2, cpus=2))


def compared(seen: Seen) -> list[CalibrationCheck]:
    return [check for check in checks(seen) if check.unit == "ms" and check.truth is not None]


def test_every_script_is_driven_in_both_loops(seen: Seen) -> None:
    about = {check.about for check in checks(seen)}
    assert about == {
        "closed, none", "closed, bimodal", "open, none", "open, bimodal", "every user",
    }  # fmt: skip


def test_every_request_was_stamped_once(seen: Seen) -> None:
    counted = [check for check in checks(seen) if check.unit == "requests"]
    assert [check.outcome for check in counted] == ["pass"] * 5
    assert all((check.truth or 0) > 100 for check in counted if check.about != "every user")


def test_no_answer_is_recorded_sooner_than_it_was_given(seen: Seen) -> None:
    found = compared(seen)
    assert len(found) >= 8
    for check in found:
        assert check.measured is not None
        assert check.truth is not None
        # Histograms hold three digits.
        assert check.measured >= 0.998 * check.truth - 0.001, check


def test_bimodal_answers_are_recorded_as_slow_as_they_were(seen: Seen) -> None:
    record = next(record for planned, record in seen[0].records.items()
                  if (planned.phase, planned.arm) == ("open", "bimodal"))  # fmt: skip
    assert record.offered > 100
    slowest = max(seen[1]["bimodal"].answered_ns - seen[1]["bimodal"].received_ns)
    assert slowest >= 20_000_000


def test_a_server_that_answered_sooner_than_we_say_is_believed(seen: Seen) -> None:
    walked, truths = seen
    sooner = {
        script: dataclasses.replace(truth, answered_ns=truth.answered_ns - 1_000_000_000)
        for script, truth in truths.items()
    }
    found = compared((walked, sooner))
    assert {check.outcome for check in found} == {"fail"}


def test_a_tail_that_others_can_have_moved_fails_and_says_so(seen: Seen) -> None:
    walked, truths = seen
    late = {
        script: dataclasses.replace(truth, answered_ns=truth.answered_ns - 1_000_000_000)
        for script, truth in truths.items()
    }
    crowded = dataclasses.replace(walked, others_share=0.15)
    found = {check.quantity: check for check in compared((crowded, late))}
    assert {check.outcome for check in found.values()} == {"fail"}
    assert found["service p50"].reason is None
    assert found["service p90"].reason == "other processes held a core for 15.00% of the time"


def test_a_request_that_was_never_answered_is_missed(seen: Seen) -> None:
    walked, truths = seen
    short = {
        script: Truth(truth.ids[:-9], truth.received_ns[:-9], truth.answered_ns[:-9], ())
        for script, truth in truths.items()
    }
    opened = [check for check in checks((walked, short)) if check.about.startswith("open")]
    assert [(check.quantity, check.outcome) for check in opened] == [("requests", "fail")] * 2
    assert all("were stamped" in (check.reason or "") for check in opened)

from __future__ import annotations

import dataclasses

from loadtests.checks import missing_findings, run_findings
from loadtests.model import Length, LostWorker, Precision, RunRecord
from tests.builders import a_phase, a_run, a_slice, an_experiment

TERM = "jwt_hs256.capacity.requests_per_core_second"


def with_changes(*changes: tuple[int, str]) -> RunRecord:
    run = a_run()
    blocks = tuple(
        dataclasses.replace(facts, changes=tuple(c for block, c in changes if block == facts.block))
        for facts in run.blocks
    )
    return dataclasses.replace(run, blocks=blocks)


def a_long_run(length: Length | None) -> RunRecord:
    return a_run(an_experiment(precision=Precision(0.03, 20.0, (TERM,))), length=length)


def test_nothing_is_said_of_a_machine_that_stayed_as_it_was() -> None:
    assert run_findings(with_changes()) == []


def test_a_machine_that_changed_is_named_with_the_first_block() -> None:
    governor = "governor: powersave, was performance"
    (found,) = run_findings(with_changes((2, governor), (3, governor), (3, "cpu_count: 1, was 2")))
    assert (found.name, found.severity) == ("environment_changed", "invalid")
    assert f"{governor} (from block 2)" in found.message
    assert "cpu_count: 1, was 2 (from block 3)" in found.message


def test_a_run_that_the_cap_ended_says_what_is_still_wide() -> None:
    (found,) = run_findings(a_long_run(Length("cap", {TERM: 0.0411})))
    assert (found.name, found.severity) == ("precision_not_reached", "warning")
    assert f"not within ± 3% when the time was up: {TERM} ± 4.2%" in found.message


def test_a_run_that_became_precise_is_no_finding() -> None:
    assert run_findings(a_long_run(Length("precision", {TERM: 0.0299}))) == []
    assert run_findings(a_long_run(None)) == []


def test_what_has_no_interval_is_not_narrow() -> None:
    assert Length("cap", {TERM: None}).sentence(0.03).endswith(f"{TERM} ± unknown")
    narrow = Length("precision", {TERM: 0.03}).sentence(0.03)
    assert narrow == "every comparison asked for is within ± 3%"


def with_lost(block: int, lost: LostWorker) -> RunRecord:
    run = a_run()
    blocks = tuple(
        dataclasses.replace(facts, lost_worker=lost if facts.block == block else None)
        for facts in run.blocks
    )
    return dataclasses.replace(run, blocks=blocks)


LOST = LostWorker(1, "it ended", "capacity", 3, "none")


def test_a_lost_worker_is_named_with_its_block_and_slice() -> None:
    (found,) = run_findings(with_lost(2, LOST))
    assert (found.name, found.severity) == ("worker_lost", "warning")
    assert found.message.endswith("block 2, worker 1 in capacity, round 3, of none: it ended")
    (before,) = run_findings(with_lost(0, LostWorker(None, "not all 2 workers came")))
    assert "block 0, a worker, before the first slice: not all 2 workers came" in before.message


def test_an_arm_that_lost_workers_left_unmeasured_makes_the_run_invalid() -> None:
    phase, run = a_phase("capacity"), with_lost(0, LOST)
    (found,) = missing_findings(run, phase, "none", [])
    assert (found.name, found.severity, found.arm) == ("not_measured", "invalid", "none")
    assert missing_findings(run, phase, "none", [a_slice()]) == []
    assert missing_findings(a_run(), phase, "none", []) == []
    assert missing_findings(run, phase, "no such arm", []) == []

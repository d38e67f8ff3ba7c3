from __future__ import annotations

import dataclasses

from loadtests.checks import run_findings
from loadtests.model import Length, Precision, RunRecord
from tests.builders import a_run, an_experiment

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

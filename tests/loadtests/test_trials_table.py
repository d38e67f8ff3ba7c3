"""Phases of trials as TOML has them: what they ask for, and what they leave to the law."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtests.experiment import find, read, strategies
from loadtests.model import Trials
from loadtests.plan import predicted_s
from loadtests.target import describe, law_bounds_s
from tests.loadtests.test_experiment import GOOD, TRIALS


def test_the_revocation_lab_tries_every_law_of_four_replicas() -> None:
    lab = read(find("revocation"))
    assert {arm.strategy for arm in lab.arms} == set(strategies())
    assert {arm.replicas for arm in lab.arms} == {4}
    assert lab.blocks >= 5
    phases = [phase for phase in lab.phases if phase.trials is not None]
    assert [p.trials and p.trials.background_fraction for p in phases] == [0.3, 0.0, 0.8]
    every, *few = phases
    assert every.trials is not None
    assert (every.arms, every.trials.per_slice, every.trials.probe_every_s) == ((), None, None)
    assert [len(phase.arms) for phase in few] == [6, 6]
    facts = {arm.name: describe(arm, lab.server) for arm in lab.arms}
    bounds_s = law_bounds_s(facts)
    # Victims live longer than their law allows, or as long where nothing else ends them.
    assert {name for name, bound in bounds_s.items() if bound is None} == {"none"}
    assert max(bound for bound in bounds_s.values() if bound is not None) <= every.trials.ttl_s
    assert predicted_s(lab, bounds_s) <= 15 * 60


@pytest.mark.parametrize(
    ("given", "trials"),
    [
        ("{}", Trials(None, None, None, 2, 0.3)),
        ('{ per_slice = "auto", concurrent = "auto", probe_every_s = "auto" }',
         Trials(None, None, None, 2, 0.3)),
        ("{ per_slice = 3, concurrent = 2, probe_every_s = 0.01, ttl_s = 5 }",
         Trials(3, 2, 0.01, 5, 0.3)),
    ],
)  # fmt: skip
def test_trials_may_leave_their_sizes_to_the_law(
    tmp_path: Path, given: str, trials: Trials
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("trials = { per_slice = 4 }", f"trials = {given}"))
    assert read(path).phase("revocation").trials == trials


def test_a_phase_may_name_its_arms(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(TRIALS, f'arms = ["one"]\n{TRIALS}'))
    experiment = read(path)
    assert [arm.name for arm in experiment.arms_in(experiment.phase("revocation"))] == ["one"]
    assert experiment.arms_in(experiment.phases[0]) == experiment.arms


def test_no_background_needs_no_capacity(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    only_trials = re.sub(r"\[\[phases\]\].*(?=\[\[phases\]\])", "", GOOD, flags=re.DOTALL)
    path.write_text(only_trials.replace("per_slice = 4", "per_slice = 4, background_fraction = 0"))
    trials = read(path).phases[0].trials
    assert trials is not None
    assert trials.background_fraction == 0

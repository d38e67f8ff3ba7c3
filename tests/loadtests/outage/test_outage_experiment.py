from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.experiment import find, read, strategies
from loadtests.model import Outage
from loadtests.outage.faults import FAULTS
from loadtests.plan import predicted_s
from tests.loadtests.test_experiment import refusal

OUTAGE = """
question = "Who survives?"
reference = "none"
population = 60
pool_users = 100
[[arms]]
strategy = "none"
replicas = 2
[[arms]]
strategy = "session_redis"
replicas = 2
[[phases]]
name = "dark"
kind = "outage"
scenario = "outage"
load = { model = "constant", rate_rps = 100 }
rounds = 1
outage = { fault = "frozen", fault_s = 3 }
"""
A_CAPACITY = """
[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = { model = "closed", users = 32 }
rounds = 1
"""


def test_an_outage_says_what_fails_and_for_how_long(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OUTAGE)
    experiment = read(path)
    assert experiment.is_of_outages
    outage = experiment.phase("dark").outage
    assert outage == Outage("frozen", 5.0, 3.0, 10.0, 24, 16, 2.0)
    assert (outage.victims, outage.trial_s) == (40, 18.0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('fault = "frozen"', 'fault = "fire"', ["phases.0.outage.fault = 'fire'", "frozen"]),
        ("fault_s = 3", "fault_s = 0", ["phases.0.outage.fault_s = 0"]),
        ("fault_s = 3", "fault = 3", ["not TOML"]),
        ("fault_s = 3", "length_s = 3", ["outage.length_s: unknown key", "after_s, before_s"]),
        ('scenario = "outage"', 'scenario = "browse"', ["has the `outage` scenario"]),
        ('kind = "outage"', 'kind = "mixed"', ["an `outage` phase has `outage` and no other"]),
        ('model = "constant", rate_rps', 'model = "closed", users', ["constant or poisson load"]),
        ("outage = {", "search = {", ["phases.0.search.fault: unknown key"]),
        ("replicas = 2\n[[phases]]", "[[phases]]", ["session_redis.replicas = 1", "at least 2"]),
        ("pool_users = 100", "pool_users = 3", ["pool_users = 3", "at least 4"]),
        ("population = 60", "population = 60\ngenerators = 2", ["generators = 2; allowed: 1"]),
        ("rounds = 1", 'rounds = 1\narms = ["none"]', ["phases.dark.arms = ['none']"]),
        ("rounds = 1", "rounds = 1\nstore_delay_ms = 2", ["phases.dark.store_delay_ms: set"]),
        ("population = 60", "population = 49", ["population = 49", "at least 50"]),
        ("population = 60", "population = 60\ngroups = 3", ["groups = 3; allowed: 1 to 2"]),
        ("[[phases]]", A_CAPACITY + "[[phases]]", ["phases.capacity.kind", "allowed: `outage`"]),
    ],
)
def test_an_outage_that_cannot_be_is_named(
    tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    assert OUTAGE.count(old) == 1
    line = refusal(tmp_path, OUTAGE.replace(old, new))
    for words in says:
        assert words in line


def test_the_outage_lab_tries_every_strategy_by_every_fault_in_time() -> None:
    lab = read(find("outage"))
    assert {arm.strategy for arm in lab.arms} == set(strategies())
    assert {phase.outage.fault for phase in lab.phases if phase.outage} == set(FAULTS)
    assert lab.blocks * min(phase.rounds for phase in lab.phases) == 3
    assert predicted_s(lab) <= 20 * 60
    # Acknowledged for certain are those of before the fault; where it hits nobody, all of them.
    sure = sum(phase.outage.victims_before for phase in lab.phases if phase.outage)
    unhit = sum(
        phase.outage.victims_during
        for phase in lab.phases
        if phase.outage and FAULTS[phase.outage.fault].hits in ("pace", "announcements")
    )
    assert lab.blocks * (sure + unhit) >= 1_000

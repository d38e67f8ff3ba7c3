from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analysis.runs.differences import differences_of
from loadtests.model import Load, Placement, RunRecord, Setting, StoreInfo
from tests.builders import a_finding, a_phase, a_run, an_arm, an_experiment

MACHINE: dict[str, Setting | None] = {
    "cpu_model": "a plausible CPU",
    "cpu_count": 2,
    "memory_mib": 8192,
    "system": "Linux",
    "kernel": "6.1.2-generic",
    "machine": "x86_64",
    "governor": None,
    "cpus_awake": True,
    "generator_first": True,
    "python": "3.11.9",
    "lib_aiohttp": "3.14.5",
    "lib_redis": "8.1.0",
}


def told(before: RunRecord, after: RunRecord) -> list[str]:
    return [str(difference) for difference in differences_of(before, after)]


def on(**changes: Any) -> RunRecord:
    """A run on the usual machine, but for `changes`; None: not recorded."""
    facts = {**MACHINE, **changes}
    recorded = {key: value for key, value in facts.items() if value is not None}
    return a_run(environment=recorded)


def asking(**changes: Any) -> RunRecord:
    return a_run(an_experiment(**changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cpu_model": "another"}, "cpu_model: a plausible CPU in A, another in B"),
        ({"cpu_count": 4}, "cpu_count: 2 in A, 4 in B"),
        ({"system": "Darwin"}, "system: Linux in A, Darwin in B"),
        ({"machine": "arm64"}, "machine: x86_64 in A, arm64 in B"),
        ({"cpus_awake": False}, "cpus_awake: True in A, False in B"),
        ({"generator_first": False}, "generator_first: True in A, False in B"),
        ({"governor": "powersave"}, "governor: not recorded in A, powersave in B"),
        ({"kernel": "5.15.1"}, "kernel major version: 6 in A, 5 in B"),
        ({"python": "3.12.1"}, "python: 3.11.9 in A, 3.12.1 in B"),
        ({"lib_redis": "8.2.0"}, "lib_redis: 8.1.0 in A, 8.2.0 in B"),
        ({"lib_redis": None}, "lib_redis: 8.1.0 in A, not recorded in B"),
        ({"lib_uvloop": "0.23.0"}, "lib_uvloop: not recorded in A, 0.23.0 in B"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_the_machine_and_what_is_installed(changes: dict[str, Any], says: str) -> None:
    assert told(on(), on(**changes)) == [says]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"placement": Placement((1, 2), (0,), ())},
            [
                "placement.server_cpus: 0 in A, 1, 2 in B",
                "placement.generator_cpus: 1 in A, none in B",
            ],
        ),
        (
            {"store": StoreInfo("redis", "7.2", "jemalloc", shared=True)},
            [
                "store.name: valkey in A, redis in B",
                "store.version: 9.1.0 in A, 7.2 in B",
                "store.allocator: libc in A, jemalloc in B",
                "store.shared: False in A, True in B",
            ],
        ),
    ],
    ids=["placement", "store"],
)
def test_the_circumstances(changes: dict[str, Any], says: list[str]) -> None:
    assert told(a_run(), a_run(**changes)) == says


ARMS, PHASES = an_experiment().arms, an_experiment().phases


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 8}, ["experiment.seed: 7 in A, 8 in B"]),
        ({"population": 5}, ["experiment.population: 10000 in A, 5 in B"]),
        ({"max_server_cpus": 1}, ["experiment.max_server_cpus: none in A, 1 in B"]),
        ({"server": {"argon2_time_cost": 1, "argon2_memory_kib": 8}},
         ["experiment.server.argon2_memory_kib: 1024 in A, 8 in B"]),
        ({"server": {"argon2_time_cost": 1}},
         ["experiment.server.argon2_memory_kib: 1024 in A, absent in B"]),
        ({"arms": (replace(ARMS[0], replicas=3), *ARMS[1:])},
         ["experiment.arms.none.replicas: 2 in A, 3 in B"]),
        ({"arms": (replace(ARMS[0], settings={"ttl_s": 5}), *ARMS[1:])},
         ["experiment.arms.none.settings.ttl_s: absent in A, 5 in B"]),
        ({"arms": (ARMS[1], ARMS[0], *ARMS[2:])},
         ["experiment.arms: none, session_redis, jwt_hs256, session_redis#2 in A, "
          "session_redis, none, jwt_hs256, session_redis#2 in B"]),
        ({"phases": (replace(PHASES[0], load=Load("closed", users=8)), *PHASES[1:])},
         ["experiment.phases.capacity.load.users: 32 in A, 8 in B"]),
    ],
)  # fmt: skip
def test_what_was_asked(changes: dict[str, Any], says: list[str]) -> None:
    assert told(asking(), asking(**changes)) == says


def test_an_arm_and_a_phase_more() -> None:
    more = asking(arms=(*ARMS, an_arm("jwt_cached")), phases=(*PHASES, a_phase("latency-9")))
    found = told(asking(), more)
    assert found[0].startswith("experiment.arms: none, ")
    assert found[0].endswith("session_redis#2, jwt_cached in B")
    assert "experiment.arms.jwt_cached.replicas: absent in A, 2 in B" in found
    assert "experiment.phases.latency-9.load.rate_rps: absent in A, 9.0 in B" in found


def test_what_may_differ() -> None:
    later = replace(
        asking(blocks=9, name="mine", question="Else?", gates=("none.capacity.error_rate < 1",)),
        started_at="2026-01-01T00:00:00Z",
        finished_at=None,
        status="interrupted",
        git_commit=None,
        findings=(a_finding("invalid"),),
        environment={**MACHINE, "memory_mib": 1, "kernel": "6.9.0"},
    )
    assert told(replace(asking(), environment=MACHINE), later) == []
    assert told(on(), on()) == []

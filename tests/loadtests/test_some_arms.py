from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.experiment import EXPERIMENTS, read
from loadtests.experiment_checks import check_whole
from loadtests.model import ConfigurationError, Precision
from loadtests.some_arms import with_arms
from tests.builders import an_experiment

PATH = Path("some.toml")
OUTAGE = EXPERIMENTS / "outage.toml"
REVOCATION = EXPERIMENTS / "revocation.toml"


def test_an_arm_comes_with_its_control_and_the_reference_stays() -> None:
    whole = an_experiment()
    some = with_arms(PATH, whole, ["jwt_hs256", "session_redis"])
    assert [arm.name for arm in some.arms] == ["session_redis", "jwt_hs256", "session_redis#2"]
    assert some.reference == whole.reference
    assert (some.phases, some.pool_users) == (whole.phases, whole.pool_users)


def test_without_the_reference_the_first_is_it() -> None:
    some = with_arms(PATH, an_experiment(), ["jwt_hs256", "none"])
    assert [arm.name for arm in some.arms] == ["none", "jwt_hs256"]
    assert some.reference == "none"


def test_phases_of_other_arms_are_left_out() -> None:
    some = with_arms(REVOCATION, read(REVOCATION), ["none", "session_redis"])
    named = {phase.name: phase.arms for phase in some.phases}
    assert named["revocation-30"] == ()
    assert named["revocation-80"] == ("session_redis",)
    alone = with_arms(REVOCATION, read(REVOCATION), ["none"])
    assert "revocation-80" not in {phase.name for phase in alone.phases}


def test_each_half_of_an_outage_has_as_many_users_an_arm() -> None:
    whole = read(OUTAGE)
    names = [arm.name for arm in whole.arms]
    halves = [with_arms(OUTAGE, whole, names[:8]), with_arms(OUTAGE, whole, names[8:])]
    for half in halves:
        check_whole(OUTAGE, half, None)
        assert half.pool_users // len(half.arms) == whole.pool_users // len(whole.arms)
    assert [arm for half in halves for arm in half.arms] == list(whole.arms)


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        with_arms(PATH, an_experiment(), ["none", "jwt_hs25"])
    assert str(refused.value) == "--arms 'jwt_hs25'; allowed: none, session_redis, jwt_hs256"


@pytest.mark.parametrize("left_out", ["jwt_hs256", "session_redis"])
def test_what_a_precision_asks_for_must_be_there(left_out: str) -> None:
    asked = Precision(0.03, 10.0, ("jwt_hs256.capacity.requests_per_core_second",))
    whole = an_experiment(precision=asked)
    with_arms(PATH, whole, ["jwt_hs256", "session_redis"])
    names = {"none", "jwt_hs256", "session_redis"} - {left_out}
    with pytest.raises(ConfigurationError, match=f"precise: asks for '{left_out}'"):
        with_arms(PATH, whole, names)


def test_so_must_what_a_gate_names() -> None:
    rule = "jwt_hs256.capacity.requests_per_core_second >= 1"
    with pytest.raises(ConfigurationError, match=r"some.toml: gate.rules.0"):
        with_arms(PATH, an_experiment(gates=(rule,)), ["none"])


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


def test_the_command_line_takes_them() -> None:
    told = asked("plan", "smoke", "--arms", "none, session_redis")
    assert told.returncode == 0, told.stderr
    assert "session_redis" in told.stdout
    assert "jwt_hs256" not in told.stdout
    refused = asked("run", "smoke", "--arms", "nobody")
    assert refused.returncode == 2
    assert refused.stderr.startswith("--arms 'nobody'; allowed: ")
    assert refused.stderr.count("\n") == 1


def test_groups_are_for_outages_and_no_more_than_arms() -> None:
    arms = ("--arms", "none,session_redis,jwt_hs256")
    told = asked("plan", "outage", *arms, "--groups", "2")
    assert told.returncode == 0, told.stderr
    assert "none + jwt_hs256 → session_redis" in " ".join(told.stdout.split())
    for experiment, groups, most in (("outage", "4", 3), ("outage", "0", 3), ("smoke", "2", 1)):
        refused = asked("plan", experiment, *arms, "--groups", groups)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"--groups = {groups}; allowed: 1 to {most}, ")
        assert refused.stderr.count("\n") == 1

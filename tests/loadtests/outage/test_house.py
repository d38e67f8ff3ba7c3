"""A real house of two arms: what is broken of one leaves the other alone."""

from __future__ import annotations

import pytest

from loadtests.model import Arm
from loadtests.outage.house import furnished
from loadtests.target import MeasurementError, RunSecrets, describe

ARMS = {name: Arm(name, name, 2, "bearer") for name in ("none", "session_redis")}
SETTINGS = {"users": 4}


def test_a_replica_is_killed_and_comes_back_in_those_arms_alone_that_take_part() -> None:
    arms = {name: (arm, describe(arm, {})) for name, arm in ARMS.items()}
    with furnished(arms, SETTINGS, RunSecrets.fresh()) as (house, _):
        house.await_ready()
        before = {name: list(replicas) for name, replicas in house.replicas.items()}
        house.kill_replicas(1, ["session_redis"])
        ended = {
            name: [replica.process.poll() is not None for replica in replicas]
            for name, replicas in house.replicas.items()
        }
        assert ended == {"none": [False, False], "session_redis": [False, True]}
        # Somebody ended it, so it is not missed.
        house.check_alive()
        assert list(house.restart_replicas(1, ["session_redis"])) == ["session_redis"]
        house.await_ready()
        assert house.replicas["none"] == before["none"]
        back = house.replicas["session_redis"][1]
        assert back.address.origin == before["session_redis"][1].address.origin
        back.process.kill()
        back.process.wait()
        with pytest.raises(MeasurementError, match="session_redis"):
            house.check_alive()

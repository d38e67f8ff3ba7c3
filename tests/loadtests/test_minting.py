"""What a block learns of logins while it mints them, on a real server and a real store."""

from __future__ import annotations

import time

import pytest

from loadtests.block import BlockPlan, _mint
from loadtests.model import Placement
from loadtests.target import RunSecrets, describe, running_arms
from tests.builders import an_arm, an_experiment


@pytest.mark.parametrize("strategy", ["jwt_denylist_redis", "jwt_denylist_push"])
def test_scripts_are_no_cost_of_a_login(strategy: str) -> None:
    """Of these nothing stays in the store, but they load scripts of some 100 kB there."""
    arm = an_arm(strategy)
    facts = describe(arm, {})
    plan = BlockPlan(
        experiment=an_experiment(population=500),
        facts={arm.name: facts},
        placement=Placement((), (), ()),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )
    with running_arms({arm.name: (arm, facts)}, {}, plan.secrets) as arms:
        minted, bytes_per_login = _mint(plan, arms[arm.name])
    assert len(minted.credentials) == 500
    assert bytes_per_login is not None
    # One more connection takes some 18 kB there.
    assert abs(bytes_per_login) < 100

from __future__ import annotations

import random

from loadtests.outage.actions import Killing

ARMS = ("none", "session_redis", "jwt_hs256", "jwt_epoch")


def test_who_gets_its_replica_back_first_is_drawn() -> None:
    drawn = [Killing.drawn(random.Random(seed), 2, ARMS) for seed in range(50)]  # noqa: S311
    assert all(sorted(each.arms) == sorted(ARMS) for each in drawn)
    assert {each.arms[0] for each in drawn} == set(ARMS)
    assert {each.replica for each in drawn} == {0, 1}
    assert Killing.drawn(random.Random(7), 2, ARMS) == drawn[7]  # noqa: S311

from __future__ import annotations

import pytest

from loadtests.messages import ReplicaAddress
from loadtests.server_flags import ExperimentError
from loadtests.store_server import start_store
from loadtests.target import MeasurementError
from loadtests.verify import LIFE_FACTOR, check_life, fixed_roles
from tests.servers.processes import ADMIN_SECRET, CHEAP_LOGIN, Replica, running


@pytest.mark.parametrize("life_s", [None, 100.0 * LIFE_FACTOR, 43_200])
def test_credentials_that_outlive_their_block(life_s: float | None) -> None:
    check_life("jwt_hs256", life_s, block_s=100.0)


@pytest.mark.parametrize("life_s", [1, 100, 100.0 * LIFE_FACTOR - 1])
def test_credentials_that_would_expire_within_their_block(life_s: float) -> None:
    with pytest.raises(ExperimentError) as raised:
        check_life("jwt_hs256", life_s, block_s=100.0)
    assert str(raised.value) == (
        f"arms.jwt_hs256: a block takes about 100 s but its credentials live {life_s:g} s; "
        "allowed: a life of at least 150 s (raise it in the arm's settings), or fewer rounds"
    )


def address(replica: Replica) -> ReplicaAddress:
    return ReplicaAddress("127.0.0.1", replica.port)


def test_roles_that_nobody_can_change_are_said_in_the_servers_words() -> None:
    with running("none", "--users", "10", *CHEAP_LOGIN) as replica:
        assert fixed_roles(address(replica), 9, ADMIN_SECRET) == "nothing is kept of a user here"


def test_a_role_is_changed_to_see_whether_it_can_be() -> None:
    with (
        start_store() as store,
        running("session_redis", "--store", store.url, "--users", "10", *CHEAP_LOGIN) as replica,
    ):
        assert fixed_roles(address(replica), 9, ADMIN_SECRET) is None
        (other,) = replica.mint(1, first_user=8)
        assert replica.me(other.bearer).json["role"] == "member"


def test_a_server_that_refuses_for_another_reason_is_named() -> None:
    with running("none", *CHEAP_LOGIN) as replica, pytest.raises(MeasurementError) as raised:
        fixed_roles(address(replica), 9, "wrong")
    assert str(raised.value).startswith(address(replica).origin)

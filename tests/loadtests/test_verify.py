from __future__ import annotations

import pytest

from loadtests.server_flags import ExperimentError
from loadtests.verify import LIFE_FACTOR, check_life


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

from __future__ import annotations

import json

import pytest

from loadtests.carts import LEAST_STATE_BYTES, cart


def compact_bytes(number: int, state_bytes: int | None) -> int:
    return len(json.dumps(cart(number, state_bytes), separators=(",", ":")).encode())


@pytest.mark.parametrize("state_bytes", [LEAST_STATE_BYTES, 100, 1_000, 4_000])
@pytest.mark.parametrize("number", [0, 7, 999, 1_000, 12_345])
def test_a_cart_has_the_size_asked_for(number: int, state_bytes: int) -> None:
    assert compact_bytes(number, state_bytes) == state_bytes


def test_a_cart_keeps_its_size_where_none_is_asked_for() -> None:
    assert len({compact_bytes(number, None) for number in range(2_000)}) == 1
    assert cart(1, None) != cart(2, None)

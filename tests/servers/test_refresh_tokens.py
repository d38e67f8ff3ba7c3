"""Refresh tokens by themselves: which texts are ours, and what follows which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.strategies._refresh_tokens import RefreshTokens, hash_of
from servers.strategy import Rejected

FAMILY = "zjT8" + "A" * 22
TOKENS = RefreshTokens(b"k" * 32)
GOOD = TOKENS.first(FAMILY)


def test_a_family_begins_with_another_secret_each_time() -> None:
    assert TOKENS.family_of(GOOD) == FAMILY
    assert len({TOKENS.first(FAMILY) for _ in range(100)}) == 100


def test_every_replica_computes_the_same_successors() -> None:
    replica, token, seen = RefreshTokens(b"k" * 32), GOOD, {GOOD}
    for _ in range(100):
        assert replica.successor(token) == TOKENS.successor(token)
        token = replica.successor(token)
        assert TOKENS.family_of(token) == FAMILY
        seen.add(token)
    assert len(seen) == len({hash_of(token) for token in seen}) == 101


def test_another_key_makes_other_tokens() -> None:
    foreign = RefreshTokens(b"f" * 32)
    assert foreign.successor(GOOD) != TOKENS.successor(GOOD)
    for token in (foreign.first(FAMILY), foreign.successor(GOOD)):
        with pytest.raises(Rejected, match="invalid_refresh"):
            TOKENS.family_of(token)


def test_every_character_counts() -> None:
    for position, character in enumerate(GOOD):
        for other in "AB":
            changed = GOOD[:position] + other + GOOD[position + 1 :]
            if character not in (other, "."):
                with pytest.raises(Rejected, match="invalid_refresh"):
                    TOKENS.family_of(changed)


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "x", FAMILY, GOOD[:-1], GOOD + "A", GOOD + "=", GOOD + "\n", " " + GOOD,
        GOOD.replace(".", ""), GOOD.replace(".", ".."), GOOD.replace(".", "A"), GOOD[:-1] + "*",
        GOOD[:-1] + "é", GOOD[:-1] + "\udcff", GOOD[:-1] + "\u0661", GOOD[:-1] + "\0",
    ],
    ids=lambda token: f"{len(token)} characters",
)  # fmt: skip
def test_another_shape_is_malformed(token: str) -> None:
    with pytest.raises(Rejected, match="malformed"):
        TOKENS.family_of(token)


@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]{26}\.[A-Za-z0-9_-]{44}", fullmatch=True))
def test_any_text_is_rejected(token: str) -> None:
    with pytest.raises(Rejected):
        TOKENS.family_of(token)

"""Which arm is the cheapest that qualifies, and what is said of it."""

import pytest

from analysis.frontier.choice import STOPS_S, WISHES, Candidate, choose

EVERYTHING = tuple(wish.key for wish in WISHES if wish.key != "promised")


def a_candidate(
    arm: str,
    per_core_second: float,
    within_s: float | None,
    *,
    promised_s: float | None = None,
    meets: tuple[str, ...] = (),
    ties: tuple[str, ...] = (),
) -> Candidate:
    """Promised as soon as it was seen, unless told otherwise."""
    return Candidate(
        arm=arm,
        within_s=within_s,
        promised_s=within_s if promised_s is None else promised_s,
        meets=meets,
        per_core_second=per_core_second,
        ties=ties,
        said_cost=f"{per_core_second:g} requests per core-second",
        said_lag=f"Its lag: {within_s}.",
    )


NONE = a_candidate("none", 24_000, None, meets=EVERYTHING)
ASKS = a_candidate("asks", 9_000, 0.0)
PUSH = a_candidate("push", 19_000, 0.004, promised_s=1.0, ties=("near",))
NEAR = a_candidate("near", 18_900, 0.9, promised_s=1.0, ties=("push", "token"))
TOKEN = a_candidate("token", 18_000, 900.0, meets=EVERYTHING, ties=("near",))
ALL = (NONE, ASKS, PUSH, NEAR, TOKEN)


@pytest.mark.parametrize(
    ("tolerated_s", "wishes", "cheapest", "qualifying"),
    [
        (0.0001, (), "asks", ["asks"]),
        (0.004, (), "push", ["asks", "push"]),
        (0.0039, (), "asks", ["asks"]),
        (1.0, (), "push", ["asks", "push", "near"]),
        (1.0, ("promised",), "push", ["asks", "push", "near"]),
        (0.5, ("promised",), "asks", ["asks"]),
        (899.0, ("no_store",), None, []),
        (900.0, ("no_store",), "token", ["token"]),
        (900.0, EVERYTHING, "token", ["token"]),
        # What never revokes never qualifies, however long is tolerated.
        (STOPS_S[-1], (), "push", ["asks", "push", "near", "token"]),
        (STOPS_S[-1], ("survives_store", "promised"), "token", ["token"]),
    ],
)
def test_the_cheapest_that_qualifies(
    tolerated_s: float, wishes: tuple[str, ...], cheapest: str | None, qualifying: list[str]
) -> None:
    choice = choose(ALL, tolerated_s, wishes)
    assert (choice.cheapest, list(choice.qualifying)) == (cheapest, qualifying)


def test_the_sentence_says_what_was_asked_and_who_is_as_cheap() -> None:
    assert choose(ALL, 1.0, ("promised",)).sentence == (
        "For a lag of up to 1 s, promised by law, the cheapest is push: 19000 requests per "
        "core-second; near is within the noise. Its lag: 0.004. 3 of 5 arms qualify."
    )


def test_who_does_not_qualify_is_not_within_the_noise() -> None:
    assert "noise" not in choose(ALL, 0.01, ()).sentence


def test_several_within_the_noise_are_all_named() -> None:
    tied = [a_candidate("a", 10.0, 0.0, ties=("b", "c")), *(a_candidate(n, 9.0, 0.0) for n in "bc")]
    assert "; b and c are within the noise." in choose(tied, 1.0, ()).sentence


def test_where_nothing_qualifies_that_is_said() -> None:
    assert choose(ALL, 1.0, ("no_store", "verifiable")).sentence == (
        "For a lag of up to 1 s, without a shared store, verifiable by other services, "
        "no arm of this run qualifies."
    )

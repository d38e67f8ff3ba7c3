"""What a replica knows was revoked: the same in any order, and until no token is left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.strategies import _revocation_view
from servers.strategies._revocation_view import (
    SKEW_MARGIN_S,
    Change,
    ChangeKind,
    LossPolicy,
    Memory,
    RevocationView,
    admitted,
)
from servers.strategy import Identity, Rejected

NOW_S = 1_000.0
LEEWAY_S = 5.0
MEMORY = Memory(token_ttl_s=100.0, clock_leeway_s=LEEWAY_S)
# What was changed at NOW_S, or expires 100 s later, is forgotten here.
ENDS_S = NOW_S + 100 + 2 * LEEWAY_S + SKEW_MARGIN_S
FAR_S = 10**11
LONG = Memory(token_ttl_s=1e9, clock_leeway_s=LEEWAY_S)
CHANGES: dict[ChangeKind, Change] = {
    "login": Change("login", 1_100, "s1"),
    "user": Change("user", 8, "ann"),
    "all": Change("all", 8, ""),
    "role": Change("role", 8, "auditor ann"),
}


def claims(
    user: str = "ann", sid: str = "s1", epoch: int = 7, gen: str = "G", **more: Any
) -> dict[str, Any]:
    given = {"sub": user, "sid": sid, "epoch": epoch, "gen": gen}
    return {**given, "role": "member", "state": {}, **more}


def view_of(
    *changes: Change,
    memory: Memory = LONG,
    made_s: float | None = None,
    loss: LossPolicy = "reject",
    generation: str | None = "G",
) -> RevocationView:
    view = RevocationView(memory, loss)
    if generation is not None:
        view.begin(generation)
    for change in changes:
        view.apply(change, time.time() if made_s is None else made_s)
    return view


def said(view: RevocationView, token: dict[str, Any]) -> str:
    """The role of whom the token authenticates, or why it does not."""
    try:
        return view.admitted(token).role
    except Rejected as rejected:
        return rejected.code


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now_s=NOW_S)
    clock.time = lambda: clock.now_s
    monkeypatch.setattr(_revocation_view, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("changes", "token", "expected"),
    [
        pytest.param([], claims(), "member", id="nothing"),
        pytest.param([Change("user", 8, "ann")], claims(), "revoked", id="kicked"),
        pytest.param([Change("user", 7, "ann")], claims(), "member", id="equal"),
        pytest.param([Change("user", 6, "ann")], claims(), "member", id="newer"),
        pytest.param([Change("user", 8, "bob")], claims(), "member", id="another-user"),
        pytest.param([Change("all", 8, "")], claims(), "revoked", id="everybody"),
        pytest.param([Change("all", 7, "")], claims(), "member", id="everybody-equal"),
        pytest.param([Change("all", 8, "")], claims("bob"), "revoked", id="everybody-else"),
        pytest.param(
            [Change("all", 8, ""), Change("user", 3, "ann")], claims(), "revoked", id="all-higher"
        ),
        pytest.param(
            [Change("user", 8, "ann"), Change("all", 3, "")], claims(), "revoked", id="user-higher"
        ),
        pytest.param([Change("login", FAR_S, "s1")], claims(), "revoked", id="denied"),
        pytest.param([Change("login", FAR_S, "s1")], claims(jti="b"), "revoked", id="re-issued"),
        pytest.param(
            [Change("login", FAR_S, "s1")], claims(epoch=10**15), "revoked", id="any-epoch"
        ),
        pytest.param(
            [Change("login", FAR_S, "s1")], claims(sid="s2"), "member", id="another-login"
        ),
        pytest.param([Change("role", 8, "auditor ann")], claims(), "auditor", id="role"),
        pytest.param([Change("role", 8, "auditor bob")], claims(), "member", id="role-of-another"),
        pytest.param([Change("role", 8, "a an n")], claims("an n"), "a", id="role-of-spaces"),
    ],
)
def test_who_is_admitted(changes: list[Change], token: dict[str, Any], expected: str) -> None:
    assert said(view_of(*changes), token) == expected


def test_the_identity_is_what_the_token_says() -> None:
    token = claims(state={"cart": [1]})
    assert view_of().admitted(token) == Identity("ann", "member", "s1", {"cart": [1]}, token)


@pytest.mark.parametrize("seen_s", [0, 10**12])
def test_no_time_matters(seen_s: int) -> None:
    view = view_of(Change("user", 8, "ann"))
    assert said(view, claims(iat=seen_s, auth_time=seen_s)) == "revoked"
    # A newer replica already knows that the user came back.
    assert said(view, claims(epoch=9, iat=seen_s, auth_time=seen_s)) == "member"


_USERS, _SIDS, _ROLES = ("ann", "bob"), ("s1", "s2"), ("auditor", "owner")
_EPOCHS = st.integers(1, 6)
_CHANGE = st.one_of(
    st.builds(Change, st.just("login"), st.just(FAR_S), st.sampled_from(_SIDS)),
    st.builds(Change, st.just("user"), _EPOCHS, st.sampled_from(_USERS)),
    st.builds(Change, st.just("all"), _EPOCHS, st.just("")),
    st.builds(
        lambda epoch, role, user: Change("role", epoch, f"{role} {user}"),
        _EPOCHS, st.sampled_from(_ROLES), st.sampled_from(_USERS),
    ),
)  # fmt: skip
_TOKENS = [claims(user, sid, epoch) for user in _USERS for sid in _SIDS for epoch in range(8)]


def expected_of(changes: Sequence[Change], token: dict[str, Any]) -> str:
    user = token["sub"]
    floors = [each.number for each in changes if each[0::2] in (("user", user), ("all", ""))]
    denied = any(each[0::2] == ("login", token["sid"]) for each in changes)
    if denied or token["epoch"] < max(floors, default=0):
        return "revoked"
    roles = [each for each in changes if each.kind == "role" and each.about.endswith(user)]
    said = [(each.number, each.about.partition(" ")[0]) for each in roles]
    return max(said, default=(0, "member"))[1]


@given(data=st.data(), changes=st.lists(_CHANGE, max_size=8))
def test_any_order_and_repetition_says_the_same(data: st.DataObject, changes: list[Change]) -> None:
    again = data.draw(st.lists(st.sampled_from(changes), max_size=4)) if changes else []
    shuffled = view_of(*data.draw(st.permutations([*changes, *again])))
    in_order = view_of(*sorted(changes, key=lambda change: change.number))
    for token in _TOKENS:
        assert said(shuffled, token) == said(in_order, token) == expected_of(changes, token)
    assert len(shuffled) == len(in_order)
    assert shuffled.applied == len(changes) + len(again)


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_it_is_remembered_until_no_clock_accepts_the_token(
    clock: SimpleNamespace, change: Change
) -> None:
    view = view_of(change, memory=MEMORY, made_s=NOW_S)
    before = said(view, claims())
    assert before == ("auditor" if change.kind == "role" else "revoked")
    # One clock is ahead by the leeway, another is behind by it.
    for now_s in (1_100 + LEEWAY_S, 1_100 + 2 * LEEWAY_S, ENDS_S - 0.01):
        view.forget_expired(now_s)
        assert (said(view, claims()), len(view)) == (before, 1)
    view.forget_expired(ENDS_S)
    assert (said(view, claims()), len(view)) == ("member", 0)


def test_a_denial_lasts_as_long_as_its_own_token(clock: SimpleNamespace) -> None:
    view = view_of(Change("login", 1_010, "s1"), memory=MEMORY, made_s=NOW_S)
    view.forget_expired(1_010 + 2 * LEEWAY_S + SKEW_MARGIN_S - 0.01)
    assert said(view, claims()) == "revoked"
    view.forget_expired(1_010 + 2 * LEEWAY_S + SKEW_MARGIN_S)
    assert len(view) == 0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(Change("user", 8, "ann"), Change("user", 9, "ann"), "revoked", id="user"),
        pytest.param(Change("all", 8, ""), Change("all", 9, ""), "revoked", id="all"),
        pytest.param(CHANGES["role"], Change("role", 9, "auditor ann"), "auditor", id="role"),
        pytest.param(CHANGES["login"], Change("login", 1_150, "s1"), "revoked", id="login"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["in-order", "reversed"])
def test_the_end_of_the_first_is_not_the_end_of_the_second(
    clock: SimpleNamespace, first: Change, second: Change, expected: str, order: int
) -> None:
    view = view_of(memory=MEMORY)
    for change, made_s in [(first, NOW_S), (second, NOW_S + 50)][::order]:
        view.apply(change, made_s)
    for now_s in (ENDS_S, ENDS_S + 49):
        view.forget_expired(now_s)
        assert (said(view, claims()), len(view)) == (expected, 1)
    view.forget_expired(ENDS_S + 50)
    assert (said(view, claims()), len(view)) == ("member", 0)


def test_a_role_that_comes_back(clock: SimpleNamespace) -> None:
    view = view_of(memory=MEMORY)
    for number, role in enumerate(["auditor", "owner", "auditor"]):
        view.apply(Change("role", 10 + number, f"{role} ann"), NOW_S + 10 * number)
        assert (said(view, claims()), len(view)) == (role, 1)
    view.forget_expired(ENDS_S + 19)
    assert said(view, claims()) == "auditor"
    view.forget_expired(ENDS_S + 20)
    assert (said(view, claims()), len(view)) == ("member", 0)


def test_what_is_over_is_never_remembered_and_goes_with_the_next_change(
    clock: SimpleNamespace,
) -> None:
    view = view_of(*CHANGES.values(), memory=MEMORY, made_s=NOW_S)
    assert len(view) == 4
    clock.now_s = ENDS_S
    view.apply(Change("user", 8, "bob"), made_s=NOW_S)
    assert (len(view), said(view, claims()), said(view, claims("bob"))) == (0, "member", "member")
    view.apply(Change("user", 8, "bob"), made_s=ENDS_S)
    assert (len(view), said(view, claims("bob"))) == (1, "revoked")


@pytest.mark.parametrize(
    ("loss", "generation", "changes", "expected"),
    [
        pytest.param("reject", "H", [], "unknown_generation", id="reject"),
        pytest.param("reject", "", [], "unknown_generation", id="reject-an-empty-store"),
        pytest.param("reject", None, [], "member", id="not-compared"),
        pytest.param("accept", "H", [], "member", id="accept"),
        pytest.param("accept", "H", [Change("user", 1, "ann")], "revoked", id="accept-kicked"),
        pytest.param("accept", "H", [Change("all", 1, "")], "revoked", id="accept-all-kicked"),
        pytest.param("accept", "H", [CHANGES["login"]], "revoked", id="accept-denied"),
        pytest.param("accept", "H", [CHANGES["role"]], "auditor", id="accept-role"),
        pytest.param("accept", "G", [Change("user", 1, "ann")], "member", id="accept-its-own"),
        pytest.param("accept", None, [Change("user", 1, "ann")], "member", id="accept-unknown"),
    ],
)
def test_a_token_of_another_store(
    clock: SimpleNamespace,
    loss: LossPolicy,
    generation: str | None,
    changes: list[Change],
    expected: str,
) -> None:
    view = view_of(*changes, loss=loss, generation=generation, memory=MEMORY, made_s=NOW_S)
    assert said(view, claims()) == expected


def test_an_empty_role_overrides_nothing() -> None:
    known: dict[str, Any] = {"generation": None, "least_epoch": 0, "is_denied": False}
    assert admitted(claims(), **known, role="", on_store_loss="reject").role == "member"


def test_another_store_begins_with_nothing(clock: SimpleNamespace) -> None:
    view = view_of(*CHANGES.values(), memory=MEMORY, made_s=NOW_S)
    view.begin("H")
    assert (view.generation, len(view)) == ("H", 0)
    assert said(view, claims(gen="H", epoch=1)) == "member"
    view.apply(Change("user", 8, "ann"), NOW_S + 50)
    # The end of what the other store knew is not the end of this.
    view.forget_expired(ENDS_S)
    assert said(view, claims(gen="H")) == "revoked"


@given(
    kind=st.sampled_from(list(CHANGES)),
    number=st.integers(-1, 2**63),
    about=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_parsing_is_the_reverse_of_announcing(kind: ChangeKind, number: int, about: str) -> None:
    change = Change(kind, number, about)
    assert Change.parse(f"{kind} {number} {about}".encode()) == change


@pytest.mark.parametrize("about", ["", " ", "an n", " ann ", "änn 安", "auditor an n"])
def test_what_a_change_is_about_is_kept_as_it_is(about: str) -> None:
    assert Change.parse(f"user 8 {about}".encode()) == Change("user", 8, about)


@pytest.mark.parametrize(
    "text",
    [b"", b"user", b"user 8", b"user  ann", b"user x ann", b"user 8.0 ann", b"User 8 ann",
     b"kick 8 ann", b" user 8 ann", b"user 8 \xff", b"user inf ann"],
)  # fmt: skip
def test_anything_else_is_no_change(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Change.parse(text)

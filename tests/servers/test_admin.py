"""Minting and who may: the same for every strategy."""

from __future__ import annotations

import pytest

from tests.servers.conftest import Arm
from tests.servers.processes import ADMIN_SECRET, Headers, bearer


def test_minting_is_in_order_and_for_distinct_users(arm: Arm) -> None:
    minted = arm.first.mint(1_200, first_user=9_500)
    assert [each.user_id for each in minted[:2]] == ["user-009500", "user-009501"]
    assert minted[500].user_id == "user-000000"
    if not arm.spec.trusts_anyone:
        assert len({each.credential for each in minted}) == 1_200
    for each in (minted[0], minted[777], minted[-1]):
        assert arm.first.me(each.bearer).json["user_id"] == each.user_id


@pytest.mark.parametrize(
    "body",
    [
        {}, {"count": 0}, {"count": True}, {"count": "5"}, {"count": 10**9}, {"count": 1.5},
        {"count": 1, "first_user": -1}, {"count": 1, "ttl_s": 0}, {"count": 1, "ttl_s": "1"},
        {"count": 1, "ttl_s": 10**400}, {"count": 1, "state": [1]}, {"count": 1, "state": "x"},
        [], None,
    ],
)  # fmt: skip
def test_bad_minting_is_refused(arm: Arm, body: object) -> None:
    assert arm.first.admin("credentials", body).status == 400


def test_minted_logins_carry_the_state_asked_for(arm: Arm) -> None:
    state = {"cart": ["é"], "note": "x" * 200}
    answer = arm.first.admin("credentials", {"count": 3, "state": state})
    assert answer.status == 200
    for each in answer.json["credentials"]:
        for replica in arm.replicas:
            held = replica.ask("GET", "/state", bearer(each["credential"]))
            assert (held.status, held.json) == (200, state)


def test_a_state_that_fits_nowhere_is_not_minted(arm: Arm) -> None:
    answer = arm.first.admin("credentials", {"count": 1, "state": {"note": "x" * 1_024}})
    assert answer.status == 413
    assert "at most 1024 are kept" in answer.json["message"]


def test_a_life_beyond_the_law_is_not_minted(arm: Arm) -> None:
    answer = arm.first.admin("credentials", {"count": 1, "ttl_s": 10**8})
    assert answer.status == (200 if arm.spec.trusts_anyone else 400)


@pytest.mark.parametrize("path", ["credentials", "users/user-000001/revoke", "revoke-all"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        bearer("wrong"),
        bearer(ADMIN_SECRET[:-1]),
        bearer("\u00e9" * 20),
        bearer(b"\xff" * 20),
        [("Authorization", ADMIN_SECRET)],
        [*bearer(ADMIN_SECRET), *bearer(ADMIN_SECRET)],
    ],
)
def test_admin_wants_its_secret(arm: Arm, path: str, headers: Headers) -> None:
    answer = arm.first.ask("POST", f"/admin/{path}", headers, {"count": 1})
    assert answer.status == 403


def test_a_users_credential_is_no_admin_secret(arm: Arm) -> None:
    answer = arm.first.ask("POST", "/admin/revoke-all", arm.mint().bearer)
    assert answer.status == 403

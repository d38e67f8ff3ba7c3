"""The law of every strategy, by the sending times of requests to two replicas."""

from __future__ import annotations

import math

import pytest

from tests.servers.conftest import Arm
from tests.servers.story import EXPIRED, NEW_ROLE, REVOKED, UNHARMED, Story, tell

pytestmark = pytest.mark.alone

# They end a login at once on the replica that was asked, whatever their law elsewhere.
LOCAL_AT_ONCE = {
    "session_nearcache", "session_tracking",
    "jwt_denylist_pubsub", "jwt_denylist_push", "jwt_epoch",
}  # fmt: skip
# It counts a user's logins, and knows no single one.
LOGOUT_ENDS_EVERY_LOGIN = {"jwt_epoch"}
ROLE_IS_FIXED = {"none", "jwt_hs256", "jwt_rs256", "jwt_es256", "jwt_eddsa", "jwt_cached"}


@pytest.fixture(scope="session")
def story(arm: Arm) -> Story:
    return tell(arm)


@pytest.mark.parametrize("name", [*REVOKED, *EXPIRED, "swept"])
def test_no_request_sent_later_than_its_law_is_accepted(story: Story, name: str) -> None:
    if name not in story.dead_by_s:
        assert story.bound_s == math.inf or name == "swept"
        return
    for replica in (0, 1):
        seen = [each for each in story.seen[name] if each.replica == replica]
        late = [each for each in seen if each.sent_s > story.dead_by_s[name]]
        assert late, "nothing was asked after the law"
        assert [each for each in late if each.status == 200] == []
        assert seen[-1].status == 401


@pytest.mark.parametrize("name", [*REVOKED, *EXPIRED])
def test_a_login_is_good_until_it_is_ended(story: Story, name: str) -> None:
    assert {each.replica for each in story.seen[name] if each.status == 200} == {0, 1}
    if name in story.ended_by:
        until_s = min(story.ended_by[name].sent_s, story.alive_until_s[name])
        before = {each.status for each in story.seen[name] if each.answered_s < until_s}
        assert before <= {200}


@pytest.mark.parametrize("name", REVOKED)
def test_where_nothing_ends_a_login_it_stays_good(story: Story, name: str) -> None:
    if story.bound_s == math.inf:
        assert {each.status for each in story.seen[name]} == {200}


@pytest.mark.parametrize("name", UNHARMED)
def test_nobody_else_is_affected(arm: Arm, story: Story, name: str) -> None:
    if name == "sibling" and arm.spec.name in LOGOUT_ENDS_EVERY_LOGIN:
        pytest.skip("by its law a logout ends every login of the user")
    everyone_s = story.deeds["kick all"].sent_s
    # A change of password may have put another credential in the place of the one that asked.
    since_s = story.adopted_s.get(name, 0.0)
    seen = [each for each in story.seen[name] if since_s < each.sent_s]
    before = [each for each in seen if each.answered_s < everyone_s]
    assert {each.replica for each in before} == {0, 1}
    assert {each.status for each in before} == {200}


@pytest.mark.parametrize("name", REVOKED)
def test_the_replica_that_was_told_ends_it_at_once(arm: Arm, story: Story, name: str) -> None:
    if arm.spec.name not in LOCAL_AT_ONCE or name not in story.ended_by:
        return
    deed = story.ended_by[name]
    late = [
        each
        for each in story.seen[name]
        if each.replica == deed.replica and each.sent_s > deed.acked_s
    ]
    assert {each.status for each in late} == {401}


@pytest.mark.parametrize("name", ["logout", "kick", "password", "kick all"])
def test_an_answer_promises_no_more_than_the_law(story: Story, name: str) -> None:
    deed = story.deeds[name]
    assert deed.answer.status == (200 if deed.within_s == 0 else 202)
    assert deed.within_s <= story.bound_s
    if story.bound_s == math.inf:
        assert deed.within_s == math.inf


def test_everyone_is_kicked_within_the_law(arm: Arm, story: Story) -> None:
    if not arm.is_waited_for:
        return
    dead_by_s = story.dead_by_s["swept"]
    for name in UNHARMED:
        late = [each for each in story.seen[name] if each.sent_s > dead_by_s]
        assert {each.status for each in late} == {401}


def test_a_role_changes_within_the_law(arm: Arm, story: Story) -> None:
    deed = story.deeds["role"]
    if arm.spec.name in ROLE_IS_FIXED:
        assert deed.answer.status == 409
        assert set(deed.answer.json) == {"error", "message"}
        return
    assert deed.answer.status == (200 if deed.within_s == 0 else 202)
    assert deed.within_s <= story.bound_s
    seen = [each for each in story.seen["promoted"] if each.status == 200]
    # A request sent before it, and under way while the role is set, may see either.
    early = [each for each in seen if each.answered_s < deed.sent_s]
    assert {each.replica for each in early} == {0, 1}
    (old_role,) = {each.role for each in early}
    assert old_role != NEW_ROLE
    if arm.is_waited_for:
        late = {each.role for each in seen if each.sent_s > deed.acked_s + deed.within_s}
        assert late == {NEW_ROLE}


def test_a_login_after_a_change_of_role_has_the_new_one(arm: Arm, story: Story) -> None:
    if arm.spec.name not in ROLE_IS_FIXED:
        roles = {each.role for each in story.seen["promoted anew"] if each.status == 200}
        assert roles == {NEW_ROLE}


def test_a_refresh_token_ends_with_its_login(arm: Arm, story: Story) -> None:
    if not arm.spec.refreshes:
        assert story.refreshes == {}
        return
    for name in ("logged out", "kicked 0", "other login", "swept"):
        assert story.refreshes[name] == {401}, name
    for name in ("bystander", "kept"):
        assert 200 in story.refreshes[name], name

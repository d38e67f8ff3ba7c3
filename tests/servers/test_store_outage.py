"""A store that freezes, drops connections, dies or is lost: as declared, soon, never a mix-up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from servers.strategy import available, load
from tests.servers.outages import (
    DEADLINE_S,
    Outage,
    ask_together,
    operations,
    profiles,
    refuses_from_now_on,
    warm,
)
from tests.servers.processes import ADMIN_SECRET, Minted, Replica, bearer, eventually

# Tokens may outlive a kick, by their law.
KICK_WAITS_FOR_EXPIRY = {"jwt_refresh", "jwt_denylist_pubsub"}
STORED = [name for name in available() if load(name).needs_store]


@pytest.mark.parametrize("name", available())
def test_whoever_has_a_store_declares_what_its_outage_does(name: str) -> None:
    spec = load(name)
    law = spec.law(spec.options_type())
    assert (law.down == "unaffected") == (not spec.needs_store)
    # Whoever listens says what silence does; nobody else is touched by it.
    assert (law.unheard == "unaffected") == (law.hears_by is None)
    assert law.survivors == "refuse" or law.down in ("serves", "unaffected")


@pytest.mark.parametrize(
    ("name", "options", "down", "survivors"),
    [
        ("jwt_denylist_redis", {"on_store_down": "accept"}, "serves", "refuse"),
        ("jwt_denylist_redis", {"on_store_loss": "accept"}, "at_once", "serve"),
        ("jwt_denylist_push", {"on_store_loss": "accept"}, "within_law", "serve"),
        ("jwt_epoch", {"on_store_loss": "accept"}, "within_law", "serve"),
    ],
)
def test_settings_that_change_what_an_outage_does(
    name: str, options: dict[str, str], down: str, survivors: str
) -> None:
    spec = load(name)
    law = spec.law(spec.options_type(**options))
    assert (law.down, law.survivors) == (down, survivors)


@pytest.fixture(scope="module", params=STORED)
def outage(request: pytest.FixtureRequest) -> Iterator[Outage]:
    with ExitStack() as stack:
        yield Outage(request.param, stack)


def whoami(replica: Replica, minted: Minted) -> str | None:
    answer = replica.me(minted.bearer)
    return answer.json["user_id"] if answer.status == 200 else None


def mint(outage: Outage, count: int, first_user: int) -> list[Minted]:
    """Known to both replicas."""
    minted = outage.both[0].mint(count, first_user=first_user)
    warm(outage.both, minted)
    return minted


def assert_as_declared(outage: Outage, pool: list[Minted], *, is_silent: bool) -> None:
    """What is said, from the beginning of an outage on, to credentials that were warm."""
    began_s = time.monotonic()
    down = outage.law["down"]
    both = outage.both
    if down == "within_law":
        at_first = {answer.status for answer in ask_together(profiles(both, pool[0]))}
        # A connection that ended tells at once what silence does not.
        assert 200 in at_first or not is_silent
        time.sleep(max(0.0, began_s + outage.law["bound_s"] - time.monotonic()))
    said = {answer.status for answer in ask_together(profiles(both, *pool))}
    assert said == ({200} if down == "serves" else {503})
    expected_unready = {503} if down != "serves" else {200, 503}
    ready = ask_together([lambda: both[0].ask("GET", "/readyz")])[0]
    assert ready.status in expected_unready
    assert both[0].ask("GET", "/healthz").status == 200
    questions = operations(both[0], pool[0])
    answers = ask_together(list(questions.values()))
    assert {answer.status for answer in answers} == {503}, list(questions)
    body = {"cart": [1]}
    ask_together([lambda: both[1].ask("PUT", "/state", pool[1].bearer, body)])
    ask_together([lambda: both[1].ask("POST", "/logout", pool[2].bearer)])


def assert_works(outage: Outage, pool: list[Minted]) -> None:
    """All of `pool` are themselves, on both replicas, and new logins are made."""
    for replica in outage.both:
        eventually(partial(_is_ready, replica))
        eventually(partial(_is_known, replica, pool[0]))
        with ThreadPoolExecutor(4) as threads:
            seen = list(threads.map(partial(whoami, replica), pool))
        assert seen == [minted.user_id for minted in pool]


def _is_ready(replica: Replica) -> bool:
    return replica.ask("GET", "/readyz").status == 200


def _is_known(replica: Replica, minted: Minted) -> bool:
    return whoami(replica, minted) == minted.user_id


def test_a_frozen_store(outage: Outage) -> None:
    pool = mint(outage, 12, first_user=100)
    with outage.frozen():
        assert_as_declared(outage, pool, is_silent=True)
    # Two of them were used while the store was frozen, and what was asked may yet be done.
    assert_works(outage, pool[3:])


def test_a_store_frozen_in_the_midst_of_requests(outage: Outage) -> None:
    """Late answers to commands that were given up on must reach nobody."""
    pool = mint(outage, 60, first_user=200)
    both = outage.both
    with ThreadPoolExecutor(8) as threads:
        asked = [(both[number % 2], minted) for number, minted in enumerate(pool * 8)]
        answers = threads.map(lambda each: whoami(*each), asked)
        for _ in range(2):
            with outage.frozen():
                time.sleep(DEADLINE_S + 0.05)
        seen = list(answers)
    for (_, minted), user_id in zip(asked, seen, strict=True):
        assert user_id in (minted.user_id, None)
    assert_works(outage, pool)


def test_connections_that_are_reset(outage: Outage) -> None:
    pool = mint(outage, 6, first_user=300)
    for _ in range(3):
        outage.reset_connections()
        ask_together(profiles(outage.both, *pool))
    assert_works(outage, pool)


def test_connections_that_are_reset_while_they_lie_idle(outage: Outage) -> None:
    """Several of them: no request after the reset is the first to find out."""
    pool = mint(outage, 6, first_user=350)
    for _ in range(3):
        ask_together(profiles(outage.both, *pool))
        outage.reset_connections()
        for replica in outage.both:
            eventually(partial(_is_known, replica, pool[0]))
        assert {a.status for a in ask_together(profiles(outage.both, *pool))} == {200}


def test_connections_that_are_reset_again_and_again(outage: Outage) -> None:
    pool = mint(outage, 6, first_user=380)
    ends_s = time.monotonic() + 1.0
    with ThreadPoolExecutor(1) as threads:
        storm = threads.submit(_reset_until, outage, ends_s)
        while time.monotonic() < ends_s:
            # 503 now and then, never an error of the server's own.
            ask_together(
                [*profiles(outage.both, *pool), *operations(outage.both[0], pool[0]).values()]
            )
        storm.result()
    assert_works(outage, pool)


def _reset_until(outage: Outage, ends_s: float) -> None:
    while time.monotonic() < ends_s:
        outage.reset_connections()
        time.sleep(0.01)


def test_a_kick_right_after_a_reset_keeps_the_law(outage: Outage) -> None:
    """What a replica missed while it was cut off, it must find out or fail."""
    bystander, kicked = mint(outage, 2, first_user=400)
    outage.reset_connections()
    taken: list[float] = []

    def kick() -> bool:
        answer = outage.both[0].admin(f"users/{kicked.user_id}/revoke")
        taken.append(time.monotonic())
        return answer.status in (200, 202)

    eventually(kick)
    if outage.law["bound_s"] <= 2:
        time.sleep(max(0.0, taken[-1] + outage.law["bound_s"] - time.monotonic()))
        for replica in outage.both:
            refuses_from_now_on(replica, kicked)
    assert_works(outage, [bystander])


def test_a_store_that_dies_and_is_lost(outage: Outage) -> None:
    survivors = outage.law["survivors"]
    pool = mint(outage, 4, first_user=500)
    kicked = mint(outage, 1, first_user=600)[0]
    headers = bearer(ADMIN_SECRET)
    assert outage.both[0].ask("POST", f"/admin/users/{kicked.user_id}/revoke", headers).status < 300
    outage.kill()
    assert_as_declared(outage, pool, is_silent=False)
    outage.start_empty()
    for replica in outage.both:
        assert_old_logins(replica, survivors, pool[3], kicked)
    again = outage.both[0].mint(1, first_user=700)
    assert_works(outage, again)
    with outage.newcomer() as newcomer:
        assert_old_logins(newcomer, survivors, pool[3], kicked)
        eventually(partial(_is_known, newcomer, again[0]))


def assert_old_logins(replica: Replica, expected: str, minted: Minted, kicked: Minted) -> None:
    eventually(partial(_is_ready, replica))
    if expected == "refuse":
        refuses_from_now_on(replica, minted)
    else:
        assert replica.me(minted.bearer).status == 200
    if replica.me(kicked.bearer).status == 200:
        strategy = replica.ask("GET", "/readyz").json["strategy"]
        assert strategy in KICK_WAITS_FOR_EXPIRY
    if minted.refresh_token is not None:
        body = {"refresh_token": minted.refresh_token}
        assert replica.ask("POST", "/refresh", (), body).status == 401

"""A visitor that refreshes, and tabs that share a token, at real servers of jwt_refresh."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from loadtests.client import Watchdog
from loadtests.messages import ArmTarget, Credential, ReplicaAddress
from loadtests.model import Carrier
from loadtests.scenarios import refresh, tabs
from loadtests.scenarios.tabs import Refresher, share_in_tabs, steal
from loadtests.store_server import RunningStore, start_store
from tests.loadtests.test_visitor import Visit, at_real, now_ns, visiting
from tests.servers.processes import CHEAP_LOGIN, Replica, running

GRACE_S = 0.25
TARGET_NAME = "jwt_refresh"


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    with start_store() as started:
        yield started


@pytest.fixture(scope="module")
def server(store: RunningStore) -> Iterator[Replica]:
    with running(
        "jwt_refresh", "--store", store.url, "--set", f"grace_s={GRACE_S}", *CHEAP_LOGIN
    ) as replica:
        yield replica


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watching = Watchdog(5.0)
    yield watching
    watching.close()


def refresher(server: Replica, watchdog: Watchdog) -> Refresher:
    address = ReplicaAddress("127.0.0.1", server.port)
    return Refresher(ArmTarget(TARGET_NAME, "bearer", "session", (address,)), watchdog, 0)


def a_token(server: Replica) -> str:
    (minted,) = server.mint()
    assert minted.refresh_token is not None
    return minted.refresh_token


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
def test_every_refresh_goes_on_with_the_token_of_the_last(
    store: RunningStore, carrier: Carrier
) -> None:
    with at_real("jwt_refresh", carrier, "--store", store.url) as (visit, _server):
        account = visit.visitor.account()
        seen = [account.refresh_token]
        for _ in range(3):
            refresh.iterate(visit.visitor, now_ns())
            seen.append(account.refresh_token)
        assert visit.visitor.me(account, now_ns())
    assert len(set(seen)) == 4
    assert [(stamp.endpoint, stamp.outcome) for stamp in visit.stamps] == [
        ("POST /login", 200), *[("POST /refresh", 200)] * 3, ("GET /me", 200),
    ]  # fmt: skip


def test_who_is_refused_has_no_login_and_makes_a_new_one(server: Replica) -> None:
    gone = [Credential("user-000001", "x", "", "no token of anybody's")]
    with visiting([server.port], gone) as visit:
        refresh.iterate(visit.visitor, now_ns())
        refresh.iterate(visit.visitor, now_ns())
    assert outcomes(visit) == [("POST /refresh", 401), ("POST /login", 200), ("POST /refresh", 200)]


def test_tabs_within_the_grace_keep_their_browser(server: Replica, watchdog: Watchdog) -> None:
    shared = share_in_tabs(refresher(server, watchdog), a_token(server), now_ns(), [0.0, 0.02, 0.0])
    assert [shown.status for shown in shared.tabs] == [200, 200, 200]
    assert len({shown.granted for shown in shared.tabs}) == 1
    assert shared.outcome == "kept"


def test_a_tab_beyond_the_grace_logs_all_of_them_out(server: Replica, watchdog: Watchdog) -> None:
    offsets_s = [0.0, 2 * GRACE_S]
    shared = share_in_tabs(refresher(server, watchdog), a_token(server), now_ns(), offsets_s)
    assert sorted(shown.status or 0 for shown in shared.tabs) == [200, 401]
    assert shared.last_status == 401
    assert shared.outcome == "logged_out"
    assert shared.spread_s > GRACE_S


def test_a_thief_is_let_in_for_the_grace_and_ends_the_login_after_it(
    server: Replica, watchdog: Watchdog
) -> None:
    moments_s = [0.0, GRACE_S / 2, 2 * GRACE_S, 3 * GRACE_S]
    stolen = steal(refresher(server, watchdog), a_token(server), now_ns(), moments_s)
    # A machine that holds the second replay up may have it refused, and rightly.
    for replay in stolen.replays:
        assert replay.replayed_after_s <= replay.at_most_s
        if replay.at_most_s < GRACE_S - 0.001:
            assert replay.accepted
        if replay.replayed_after_s > GRACE_S + 0.001:
            assert not replay.accepted
    assert not stolen.replays[-1].accepted
    assert stolen.family_ended is True


def test_where_there_is_no_rotation_nobody_is_robbed(server: Replica, watchdog: Watchdog) -> None:
    stolen = steal(refresher(server, watchdog), "no token", now_ns(), [0.0])
    assert (stolen.replays, stolen.outcome, stolen.family_ended) == ((), "unknown", None)


def test_a_server_that_is_gone_tells_nothing(watchdog: Watchdog) -> None:
    nobody = ArmTarget(TARGET_NAME, "bearer", "session", (ReplicaAddress("127.0.0.1", 1),))
    shared = share_in_tabs(Refresher(nobody, watchdog, 0), "token", time.monotonic_ns(), [0, 0])
    assert shared.outcome == "unknown"


def test_by_hand_a_browser_is_one_request_of_all_its_tabs(server: Replica) -> None:
    with visiting([server.port]) as visit:
        tabs.iterate(visit.visitor, now_ns())
    (_login, of_tabs) = visit.stamps
    assert of_tabs.endpoint.startswith("REFRESH in ")
    assert of_tabs.outcome == 200
    assert of_tabs.sent_ns < of_tabs.done_ns


def outcomes(visit: Visit) -> list[tuple[str, int | str]]:
    return [(stamp.endpoint, stamp.outcome) for stamp in visit.stamps]

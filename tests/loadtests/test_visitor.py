"""Visitors at scripted replicas, which show who was asked what, and at real servers."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from loadtests.client import ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, Credential, ReplicaAddress
from loadtests.model import Carrier
from loadtests.recorder import Stamp
from loadtests.scenarios import journey
from loadtests.store_server import start_store
from loadtests.visitor import Account, Visitor, describe, owned
from tests.loadtests.scripted_server import Step, answer, close, hang, reset, response, scripted
from tests.servers.processes import CHEAP_LOGIN, PASSWORD, Replica, bearer, replicas, running

MINTED = [Credential(f"user-{letter}", f"credential-{letter}", "") for letter in "abc"]


@dataclass(frozen=True)
class Visit:
    visitor: Visitor
    stamps: list[Stamp]


@contextmanager
def visiting(
    ports: Sequence[int],
    accounts: Sequence[Credential] = (),
    *,
    carrier: Carrier = "bearer",
    cookie_name: str = "session",
    number: int = 0,
    password: str = PASSWORD,
    timeout_s: float = 5.0,
    state_bytes: int | None = None,
) -> Iterator[Visit]:
    stamps: list[Stamp] = []
    watchdog = Watchdog(timeout_s, period_s=0.02)
    addresses = tuple(ReplicaAddress("127.0.0.1", port) for port in ports)
    visitor = Visitor(
        ArmTarget("an arm", carrier, cookie_name, addresses, state_bytes=state_bytes),
        accounts,
        number=number,
        seed=1,
        password=password,
        population=10,
        watchdog=watchdog,
        record=stamps.append,
    )
    try:
        yield Visit(visitor, stamps)
    finally:
        visitor.close()
        watchdog.close()


def now_ns() -> int:
    return time.monotonic_ns()


@contextmanager
def at_real(strategy: str, carrier: Carrier, *flags: str) -> Iterator[tuple[Visit, Replica]]:
    """A visitor without accounts at two replicas, and one of them to ask directly."""
    more = ["--insecure-cookie"] if carrier == "cookie" else []
    with replicas(2, strategy, "--carrier", carrier, *more, *flags, *CHEAP_LOGIN) as servers:
        cookie_name = servers[0].ask("GET", "/readyz").json["cookie_name"]
        ports = [server.port for server in servers]
        with visiting(ports, carrier=carrier, cookie_name=cookie_name) as visit:
            yield visit, servers[0]


def test_accounts_and_replicas_take_turns() -> None:
    asked: list[bytes] = []
    with (
        scripted([answer(response())] * 3) as first,
        scripted([answer(response())] * 3) as second,
        visiting([first.port, second.port], MINTED) as visit,
    ):
        for number in range(6):
            assert visit.visitor.me(visit.visitor.account(), now_ns())
            served = first if number % 2 else second
            asked.append(served.requests[-1])
        assert len(first.requests) == len(second.requests) == 3
    presented = [request.partition(b"Bearer ")[2].strip().decode() for request in asked]
    assert presented[:3] == presented[3:]
    assert Counter(presented) == {each.credential: 2 for each in MINTED}


def test_any_account_is_as_likely_as_another() -> None:
    with visiting([1], MINTED) as visit:
        drawn = Counter(visit.visitor.any_account().user_id for _ in range(3_000))
    assert set(drawn) == {each.user_id for each in MINTED}
    assert min(drawn.values()) > 900


def test_written_states_keep_the_size_asked_for() -> None:
    with (
        running("jwt_hs256", *CHEAP_LOGIN) as server,
        visiting([server.port], state_bytes=500) as visit,
    ):
        account = visit.visitor.account()
        for _ in range(2):
            assert visit.visitor.write_state(account, now_ns())
            state = server.ask("GET", "/state", bearer(account.credential)).json
            assert len(json.dumps(state, separators=(",", ":"))) == 500


def test_no_account_keeps_to_one_replica() -> None:
    with (
        scripted([answer(response())] * 60) as first,
        scripted([answer(response())] * 60) as second,
        visiting([first.port, second.port], MINTED[:2]) as visit,
    ):
        for _ in range(40):
            assert visit.visitor.me(visit.visitor.account(), now_ns())
        for server in (first, second):
            credentials = {request.partition(b"Bearer ")[2].strip() for request in server.requests}
            assert len(credentials) == 2


def test_users_begin_at_different_replicas() -> None:
    with scripted([answer(response())]) as first, scripted([answer(response())]) as second:
        for number in (0, 1):
            with visiting([first.port, second.port], MINTED, number=number) as visit:
                visit.visitor.me(visit.visitor.account(), now_ns())
        assert len(first.requests) == len(second.requests) == 1


def test_owners_share_the_population_out() -> None:
    shares = [owned(MINTED, owner, 2) for owner in range(2)]
    assert sorted(each.user_id for share in shares for each in share) == [
        "user-a", "user-b", "user-c",
    ]  # fmt: skip
    assert [len(share) for share in shares] == [2, 1]


def test_an_answered_request_leaves_its_clocks_and_bytes() -> None:
    data = response(b'{"user_id": "user-a"}')
    with scripted([answer(data)]) as server, visiting([server.port], MINTED[:1]) as visit:
        due_ns = now_ns()
        assert visit.visitor.me(visit.visitor.account(), due_ns)
        (request,) = server.requests
    (stamp,) = visit.stamps
    assert (stamp.endpoint, stamp.outcome, stamp.due_ns) == ("GET /me", 200, due_ns)
    assert due_ns <= stamp.sent_ns < stamp.done_ns <= now_ns()
    assert (stamp.sent_bytes, stamp.received_bytes) == (len(request), len(data))
    shown = describe(stamp)
    assert (shown["request_type"], shown["name"], shown["exception"]) == ("GET", "/me", None)
    assert shown["response_time"] == (stamp.done_ns - stamp.sent_ns) / 1e6


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (close, "reset"),
        (reset, "reset"),
        (hang, "timeout"),
        (answer(b"no HTTP at all\r\n\r\n"), "malformed"),
        (answer(response(status="401 Unauthorized")), 401),
        (answer(response(status="503 Service Unavailable")), 503),
    ],
)
def test_a_failed_exchange_leaves_a_stamp_with_its_outcome(step: Step, outcome: int | str) -> None:
    with (
        scripted([step]) as server,
        visiting([server.port], MINTED[:1], timeout_s=0.05) as visit,
    ):
        due_ns = now_ns()
        assert not visit.visitor.me(visit.visitor.account(), due_ns)
    (stamp,) = visit.stamps
    assert (stamp.endpoint, stamp.outcome) == ("GET /me", outcome)
    assert due_ns == stamp.due_ns <= stamp.sent_ns < stamp.done_ns <= now_ns()
    assert str(describe(stamp)["exception"]) == str(outcome)


def test_what_follows_is_due_when_the_last_answer_was_in() -> None:
    with at_real("jwt_hs256", "bearer") as (visit, _):
        journey.iterate(visit.visitor, 7)
        # Logged out, as it turns out.
        visit.visitor.me_or_log_in(Account("user-000000", "nothing", ""), visit.visitor.done_ns)
    assert [(stamp.endpoint, stamp.outcome) for stamp in visit.stamps] == [
        ("POST /login", 200), *[("GET /me", 200)] * 5, ("POST /logout", 202),
        ("GET /me", 401), ("POST /login", 200),
    ]  # fmt: skip
    dues_ns = [stamp.due_ns for stamp in visit.stamps]
    assert dues_ns == [7, *(stamp.done_ns for stamp in visit.stamps[:-1])]


def test_a_replica_that_is_gone_does_not_hold_up_the_others() -> None:
    with (
        socket.socket() as bound,
        scripted([answer(response())] * 2) as server,
    ):
        bound.bind(("127.0.0.1", 0))
        with visiting([bound.getsockname()[1], server.port], MINTED) as visit:
            for _ in range(4):
                visit.visitor.me(visit.visitor.account(), now_ns())
    assert [stamp.outcome for stamp in visit.stamps] == [200, "refused", 200, "refused"]


def test_what_reaches_nobody_changes_nothing() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with visiting([bound.getsockname()[1]], MINTED[:1]) as visit:
            account = visit.visitor.account()
            assert not visit.visitor.write_state(account, now_ns())
            assert not visit.visitor.logout(account, now_ns())
            assert visit.visitor.login(now_ns()) is None
    assert account.credential == MINTED[0].credential
    assert [(stamp.endpoint, stamp.outcome) for stamp in visit.stamps] == [
        ("PUT /state", "refused"), ("POST /logout", "refused"), ("POST /login", "refused"),
    ]  # fmt: skip


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
def test_a_credential_issued_anew_replaces_the_old_one(carrier: Carrier) -> None:
    with at_real("jwt_hs256", carrier) as (visit, server):
        account = visit.visitor.account()
        at_login = account.credential
        assert at_login.count(".") == 2
        assert visit.visitor.write_state(account, now_ns())
        assert account.credential != at_login
        assert visit.visitor.me(account, now_ns())
        assert visit.visitor.logout(account, now_ns())
        kept = server.ask("GET", "/state", bearer(account.credential)).json
    assert kept == {"cart": [{"sku": "sku-001", "quantity": 1}]}
    assert [stamp.endpoint for stamp in visit.stamps] == [
        "POST /login", "PUT /state", "GET /me", "POST /logout",
    ]  # fmt: skip


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
def test_a_credential_that_stays_is_kept(carrier: Carrier) -> None:
    with (
        start_store() as store,
        at_real("session_redis", carrier, "--store", store.url) as (visit, _server),
    ):
        account = visit.visitor.account()
        at_login = account.credential
        for _ in range(2):
            assert visit.visitor.write_state(account, now_ns())
            assert visit.visitor.me(account, now_ns())
        assert account.credential == at_login != ""
    assert {stamp.outcome for stamp in visit.stamps} == {200}


def test_who_has_no_account_logs_in_once() -> None:
    with at_real("none", "bearer") as (visit, server):
        account = visit.visitor.account()
        assert visit.visitor.account() is account
        assert visit.visitor.me(account, now_ns())
        assert server.me(bearer(account.credential)).json["user_id"] == account.user_id
    assert [stamp.endpoint for stamp in visit.stamps] == ["POST /login", "GET /me"]


def test_what_a_server_refuses_is_recorded_and_changes_nothing() -> None:
    with running("jwt_hs256", *CHEAP_LOGIN) as server:
        with visiting([server.port], MINTED[:1]) as visit:
            account = visit.visitor.account()
            assert not visit.visitor.write_state(account, now_ns())
            assert account.credential == MINTED[0].credential
        with visiting([server.port], password="wrong") as stranger:
            assert stranger.visitor.login(now_ns()) is None
            with pytest.raises(ExchangeFailed):
                stranger.visitor.account()
    told = [(stamp.endpoint, stamp.outcome) for stamp in visit.stamps + stranger.stamps]
    assert told == [("PUT /state", 401), ("POST /login", 401), ("POST /login", 401)]

"""Trials against replicas whose lag is known: each goes on accepting for so long after a revoke."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest

from loadtests.messages import ArmTarget, Order, ReplicaAddress
from loadtests.model import PlannedSlice, RevocationRecord, Trials
from loadtests.trial import LATE_PROBES, LATER_S
from loadtests.trial_plans import PATIENCE_S, Sizes
from loadtests.trials import run_trials
from tests.builders import a_phase, a_run, an_experiment

PLANNED = PlannedSlice(block=3, phase="revocation", round=2, arm="slow", seed=5)
TRIALS = Trials(per_slice=2, concurrent=2, probe_every_s=0.005, ttl_s=1, background_fraction=0.3)
SIZES = Sizes(trials=2, at_once=2, probe_every_s=0.005, background_rps=0.0)

# Whose credential a connection is opened with.
NOBODY = ""


class Accounts:
    """What the replicas share: when each credential was revoked, and what was asked."""

    def __init__(self, *, minting: bool = True, revoking: int = 200) -> None:
        self.minting = minting
        self.revoking = revoking
        self.revoked_at_s: dict[str, float] = {}
        self.moved_at_s: dict[str, float] = {}
        self.minted: list[dict[str, Any]] = []
        self.revokes: list[str] = []
        self.events: list[str] = []
        self.asked_s: dict[str, list[float]] = {}
        self.under_way = 0
        self.most_under_way = 0
        self.minted_when_connected: list[int] = []


class _Replica(BaseHTTPRequestHandler):
    """`forgets_after_s`: a revocation is forgotten so long after it was made."""

    protocol_version = "HTTP/1.1"
    # Head and body in one write, or Nagle's algorithm holds the body back for 40 ms.
    wbufsize = -1
    accounts: Accounts
    lag_s: float
    forgets_after_s: float
    answers_after_s: float

    def setup(self) -> None:
        super().setup()
        self.accounts.minted_when_connected.append(len(self.accounts.minted))

    def do_GET(self) -> None:
        owner = self._credential()
        if owner == NOBODY:
            self._answer(401, {})
            return
        self.accounts.under_way += 1
        self.accounts.most_under_way = max(self.accounts.most_under_way, self.accounts.under_way)
        time.sleep(self.answers_after_s)
        self.accounts.asked_s.setdefault(owner, []).append(time.monotonic())
        is_out = self._is_past(self.accounts.revoked_at_s.get(owner))
        is_moved = self._is_past(self.accounts.moved_at_s.get(owner))
        self.accounts.under_way -= 1
        self._answer(401 if is_out else 200, {"role": "moved" if is_moved else "member"})

    def _is_past(self, at_s: float | None) -> bool:
        if at_s is None:
            return False
        return self.lag_s <= time.monotonic() - at_s < self.forgets_after_s

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/admin/credentials":
            self._mint(json.loads(body))
            return
        self._revoke(self.accounts.revoked_at_s)

    def do_PUT(self) -> None:
        assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"role": "moved"}
        self._revoke(self.accounts.moved_at_s)

    def _revoke(self, at_s: dict[str, float]) -> None:
        self.accounts.events.append("revoke")
        self.accounts.revokes.append(self.path)
        owner = self.path.split("/")[-2] if "/users/" in self.path else self._credential()
        if self.accounts.revoking == 200:
            at_s[owner] = time.monotonic()
        self._answer(self.accounts.revoking, {"effective_within_s": 0.5})

    def _mint(self, asked: dict[str, Any]) -> None:
        self.accounts.events.append("mint")
        self.accounts.minted.append(asked)
        if not self.accounts.minting:
            self._answer(503, {})
            return
        user = f"user-{asked['first_user']}"
        minted = {"credential": user, "csrf_token": "", "user_id": user, "expires_in": 1}
        self._answer(200, {"credentials": [minted]})

    def _credential(self) -> str:
        return str(self.headers["Authorization"]).removeprefix("Bearer").strip()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """A test has no use for an access log."""


@contextmanager
def replica(
    accounts: Accounts, lag_s: float, forgets_after_s: float, answers_after_s: float
) -> Iterator[ReplicaAddress]:
    ways = {
        "accounts": accounts, "lag_s": lag_s, "forgets_after_s": forgets_after_s,
        "answers_after_s": answers_after_s,
    }  # fmt: skip
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Replica", (_Replica,), ways)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield ReplicaAddress("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join(5)


def run(
    accounts: Accounts,
    lags_s: Sequence[float],
    *,
    sizes: Sizes = SIZES,
    forgets_after_s: float = math.inf,
    answers_after_s: float = 0.0,
    **law: Any,
) -> list[RevocationRecord]:
    with ExitStack() as stack:
        replicas = tuple(
            stack.enter_context(replica(accounts, lag_s, forgets_after_s, answers_after_s))
            for lag_s in lags_s
        )
        order = Order(
            experiment=an_experiment(
                phases=(a_phase("revocation", trials=TRIALS),), population=1000
            ),
            slices=(PLANNED,),
            targets=(ArmTarget("slow", "bearer", "session", replicas, **law),),
            placement=a_run().placement,
            run_started_ns=time.monotonic_ns(),
            own_pids=(),
            admin_secret="secret",
            password="",
        )
        return run_trials(order, PLANNED, TRIALS, sizes).lines


def test_the_interval_holds_each_replicas_lag() -> None:
    accounts = Accounts()
    lags_s = (0.0, 0.2)
    lines = run(accounts, lags_s)
    assert sorted((line.trial, line.replica) for line in lines) == [(4, 0), (4, 1), (5, 0), (5, 1)]
    for line in lines:
        assert line.revoke == "ok"
        assert line.effective_within_s == 0.5
        assert line.lag_high_s is not None
        # The server's lag counts from before its answer; and a probe that waits in a busy server
        # may be refused though it was sent while others were let in.
        assert line.lag_low_s <= lags_s[line.replica]
        assert line.lag_high_s >= max(line.lag_low_s, lags_s[line.replica] / 2)
        assert line.reaccepted == 0
        assert (line.accepted_after_ack > 0) == (line.lag_low_s > 0)
    assert all(line.lag_low_s > 0.1 for line in lines if line.replica == 1)


def test_every_trial_has_a_victim_of_its_own_beyond_the_population() -> None:
    accounts = Accounts()
    run(accounts, [0.0])
    asked = sorted(accounts.minted, key=lambda each: int(each["first_user"]))
    assert asked == [
        {"count": 1, "ttl_s": 1, "first_user": 1004},
        {"count": 1, "ttl_s": 1, "first_user": 1005},
    ]
    assert sorted(accounts.revokes) == ["/admin/users/user-1004/revoke", "/logout"]


def test_a_replica_that_never_refuses_has_no_upper_end() -> None:
    lines = run(Accounts(), [60.0])
    assert [line.lag_high_s for line in lines] == [None, None]
    assert all(line.lag_low_s > 0.5 and line.first_rejected_sent_s is None for line in lines)


@pytest.mark.parametrize(("status", "outcome"), [(403, "refused"), (503, "indeterminate")])
def test_a_revoke_that_was_not_acknowledged_says_so(status: int, outcome: str) -> None:
    assert {line.revoke for line in run(Accounts(revoking=status), [0.0])} == {outcome}


def test_a_trial_that_cannot_begin_gives_no_line() -> None:
    assert run(Accounts(minting=False), [0.0]) == []


def test_of_a_changed_role_the_old_one_counts_as_accepted() -> None:
    accounts = Accounts()
    sizes = replace(SIZES, trials=3)
    lines = run(accounts, (0.0, 0.2), sizes=sizes, changes_roles=True)
    changed = [line for line in lines if line.how == "role"]
    assert sorted(accounts.revokes)[1:] == ["/admin/users/user-1008/role", "/logout"]
    assert {line.how for line in lines} == {"kick", "logout", "role"}
    for line in changed:
        lag_s = (0.0, 0.2)[line.replica]
        assert line.revoke == "ok"
        assert line.lag_low_s <= lag_s
        assert line.lag_high_s is not None
        assert line.lag_high_s >= max(line.lag_low_s, lag_s / 2)
    assert {line.replica for line in changed} == {0, 1}


def test_a_replica_is_looked_at_again_when_its_law_has_passed() -> None:
    accounts, bound_s = Accounts(), 0.6
    lines = run(accounts, [0.0], law_bound_s=bound_s)
    pauses_s = []
    for asked_s in accounts.asked_s.values():
        gaps_s = [later - sooner for sooner, later in pairwise(asked_s)]
        pauses_s.append(max(gaps_s))
        assert gaps_s.index(max(gaps_s)) == len(gaps_s) - LATE_PROBES
    for line in lines:
        assert line.lag_high_s is not None
        assert line.lag_high_s < bound_s
        assert line.watched_s is not None
        assert line.watched_s > bound_s
        # The pause before is no part of the schedule.
        assert (line.spacing_p99_s or 0.0) < min(bound_s / 2, *pauses_s)


def test_a_replica_that_refused_at_once_is_looked_at_again_a_while_later() -> None:
    for line in run(Accounts(), [0.0], law_bound_s=0.0):
        assert line.lag_high_s is not None
        assert line.lag_high_s < LATER_S / 2
        assert line.watched_s is not None
        assert line.watched_s > LATER_S
        assert line.reaccepted == 0
    for line in run(Accounts(), [0.0], law_bound_s=0.0, forgets_after_s=0.9):
        assert line.reaccepted >= 1


def test_a_law_longer_than_its_victims_live_cannot_be_looked_at() -> None:
    for line in run(Accounts(), [0.0], law_bound_s=900.0):
        assert (line.watched_s or 0.0) < TRIALS.ttl_s


def test_a_replica_that_forgets_a_revocation_within_the_law_is_found_out() -> None:
    bound_s = 0.6
    for line in run(Accounts(), [0.0], law_bound_s=bound_s, forgets_after_s=0.5):
        assert line.reaccepted >= 1
        assert line.lag_low_s > bound_s


def test_connections_take_turns_where_answers_take_longer_than_the_spacing() -> None:
    accounts = Accounts()
    run(accounts, [0.0], sizes=replace(SIZES, trials=1), answers_after_s=0.012)
    assert accounts.most_under_way > 1


def test_every_connection_stands_before_the_first_trial_begins() -> None:
    accounts = Accounts()
    run(accounts, [0.0, 0.0])
    lanes_and_one = math.ceil(PATIENCE_S / SIZES.probe_every_s) + 1
    assert accounts.minted_when_connected == [0] * (2 * SIZES.at_once * lanes_and_one)


@pytest.mark.parametrize(
    ("at_once", "begun"), [(1, ["mint", "revoke"] * 3), (3, ["mint"] * 3 + ["revoke"] * 3)]
)
def test_so_many_run_at_once(at_once: int, begun: list[str]) -> None:
    accounts = Accounts()
    lines = run(accounts, [0.0], sizes=replace(SIZES, trials=3, at_once=at_once))
    assert accounts.events == begun
    assert len({line.trial for line in lines}) == 3


def test_while_it_waits_for_its_last_look_a_trial_makes_room_for_the_next() -> None:
    accounts = Accounts()
    run(accounts, [0.0], sizes=replace(SIZES, at_once=1), law_bound_s=0.7)
    first, second = accounts.asked_s.values()
    assert second[0] < first[-1]

"""Trials against replicas whose lag is known: each goes on accepting for so long after a revoke."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from loadtests.messages import ArmTarget, Order, ReplicaAddress
from loadtests.model import PlannedSlice, RevocationRecord, Trials
from loadtests.trials import run_trials
from tests.builders import a_run, an_experiment

PLANNED = PlannedSlice(block=3, phase="revocation", round=2, arm="slow", seed=5)
TRIALS = Trials(per_slice=2, concurrent=2, probe_every_s=0.005, ttl_s=1, background_fraction=0.3)


class Accounts:
    """What the replicas share: when each credential was revoked, and what was asked."""

    def __init__(self, *, minting: bool = True, revoking: int = 200) -> None:
        self.minting = minting
        self.revoking = revoking
        self.revoked_at_s: dict[str, float] = {}
        self.minted: list[dict[str, Any]] = []
        self.revokes: list[str] = []


class _Replica(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one write, or Nagle's algorithm holds the body back for 40 ms.
    wbufsize = -1
    accounts: Accounts
    lag_s: float

    def do_GET(self) -> None:
        revoked_at_s = self.accounts.revoked_at_s.get(self._credential())
        is_out = revoked_at_s is not None and time.monotonic() >= revoked_at_s + self.lag_s
        self._answer(401 if is_out else 200, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/admin/credentials":
            self._mint(json.loads(body))
            return
        self.accounts.revokes.append(self.path)
        owner = self.path.split("/")[-2] if "/users/" in self.path else self._credential()
        if self.accounts.revoking == 200:
            self.accounts.revoked_at_s[owner] = time.monotonic()
        self._answer(self.accounts.revoking, {"effective_within_s": 0.5})

    def _mint(self, asked: dict[str, Any]) -> None:
        self.accounts.minted.append(asked)
        if not self.accounts.minting:
            self._answer(503, {})
            return
        user = f"user-{asked['first_user']}"
        minted = {"credential": user, "csrf_token": "", "user_id": user}
        self._answer(200, {"credentials": [minted]})

    def _credential(self) -> str:
        return str(self.headers["Authorization"]).removeprefix("Bearer ")

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        """A test has no use for an access log."""


@contextmanager
def replica(accounts: Accounts, lag_s: float) -> Iterator[ReplicaAddress]:
    handler = type("Replica", (_Replica,), {"accounts": accounts, "lag_s": lag_s})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield ReplicaAddress("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join(5)


def run(accounts: Accounts, lags_s: Sequence[float]) -> list[RevocationRecord]:
    with ExitStack() as stack:
        replicas = tuple(stack.enter_context(replica(accounts, lag_s)) for lag_s in lags_s)
        order = Order(
            experiment=an_experiment(population=1000),
            slices=(PLANNED,),
            targets=(ArmTarget("slow", "bearer", "session", replicas),),
            placement=a_run().placement,
            run_started_ns=time.monotonic_ns(),
            runner_pid=0,
            admin_secret="secret",
            password="",
        )
        return list(run_trials(order, PLANNED, TRIALS))


def test_the_interval_holds_each_replicas_lag() -> None:
    accounts = Accounts()
    lags_s = (0.0, 0.2)
    lines = run(accounts, lags_s)
    assert sorted((line.trial, line.replica) for line in lines) == [(4, 0), (4, 1), (5, 0), (5, 1)]
    for line in lines:
        assert line.revoke == "ok"
        assert line.effective_within_s == 0.5
        assert line.lag_high_s is not None
        # The server revokes a little before its answer arrives; its lag counts from there.
        answered_s = line.acked_s - line.sent_s
        assert line.lag_low_s <= lags_s[line.replica]
        assert line.lag_high_s >= lags_s[line.replica] - answered_s
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

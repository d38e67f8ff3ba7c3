"""Replicas whose lag is known: each goes on accepting for so long after a revoke."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from loadtests.messages import ArmTarget, Order, ReplicaAddress
from loadtests.model import PlannedSlice, Trials
from loadtests.trial_plans import Sizes
from loadtests.trials import Tried, run_trials
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


def tried(
    accounts: Accounts,
    lags_s: Sequence[float],
    *,
    sizes: Sizes = SIZES,
    forgets_after_s: float = math.inf,
    answers_after_s: float = 0.0,
    last_begin_ns: int | None = None,
    **law: Any,
) -> Tried:
    """`lags_s` of the replicas, one each."""
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
        return run_trials(order, PLANNED, TRIALS, sizes, last_begin_ns)

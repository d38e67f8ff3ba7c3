"""One revocation trial: a victim is probed on every replica and revoked through one.

Probes run on a fixed schedule until each replica has refused many times in a row, or the
credential has outlived its life. Some more are sent when the law's bound has passed, because
that is what the law is about.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gevent import getcurrent, joinall, spawn

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.dispatcher import Alarm, new_alarm, wait_until
from loadtests.http_messages import Requests
from loadtests.messages import ArmTarget
from loadtests.sightings import Revoke, Sightings, revoke_outcome
from loadtests.trial_plans import LATER_S, TrialPlan, refusals_to_stop

# What a trial's victim is made; no user begins as one.
NEW_ROLE = "moved"
EXPIRY_MARGIN_S = 0.5
LATE_PROBES = 3
# Of a replica's connections: one after the other, each would find its server cold.
OPENED_AT_ONCE = 8
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to one replica, the requests that go over it, and an alarm of its own."""

    client: Client
    requests: Requests
    alarm: Alarm


class Lines:
    """Connections to an arm's replicas that trials borrow: setting one up costs its server about
    as much as some requests."""

    def __init__(self, target: ArmTarget, watchdog: Watchdog) -> None:
        self._target = target
        self._watchdog = watchdog
        self._idle: list[list[Line]] = [[] for _ in target.replicas]

    def stand(self, count: int) -> None:
        """So many connections to each replica, ahead of time: one that is opened within a trial
        holds up its first probe. Waits for one answer that does not come, and no more in a row."""
        opening = [
            spawn(self._open, replica, len(range(first, count, OPENED_AT_ONCE)))
            for replica in range(len(self._idle))
            for first in range(OPENED_AT_ONCE)
        ]
        joinall(opening, raise_error=True)

    def _open(self, replica: int, count: int) -> None:
        for _ in range(count):
            line = self._connected(replica)
            # The least that a server can be asked, 401 is its answer: by then it has accepted the
            # connection. One that fails opens anew at its first probe, and fails there.
            status = _status(line.client, line.requests.me(""))
            self._idle[replica].append(line)
            if status is None:
                return

    @contextmanager
    def borrowed(self, replica: int) -> Iterator[Line]:
        idle = self._idle[replica]
        line = idle.pop() if idle else self._connected(replica)
        try:
            yield line
        finally:
            idle.append(line)

    def _connected(self, replica: int) -> Line:
        at = self._target.replicas[replica]
        requests = Requests(at.host, at.port, self._target.carrier, self._target.cookie_name)
        return Line(self._watchdog.guard(Client(at.host, at.port)), requests, new_alarm())

    def close(self) -> None:
        for line in (line for idle in self._idle for line in idle):
            line.client.close()
            line.alarm.close()


class Trial:
    """Runs one plan: `run`, then `look_again`. After `run` there is a `revoke`."""

    def __init__(self, plan: TrialPlan, lines: Lines) -> None:
        self._plan = plan
        self._lines = lines
        self._credential = ""
        self._give_up_ns = 0
        self._enough_refusals = refusals_to_stop(plan.probe_every_s)
        # By replica: connections that wait for their next probe's time, and who waits there.
        self._asleep: list[dict[Alarm, Any]] = [{} for _ in plan.target.replicas]
        self.revoke: Revoke | None = None
        self.sightings = [Sightings() for _ in plan.target.replicas]
        self.ttl_s: float | None = None

    def run(self) -> Revoke:
        """Raises ExchangeFailed when not even the victim's credential can be had."""
        plan = self._plan
        minted = self._mint()
        self._credential, self.ttl_s = minted["credential"], minted.get("expires_in")
        started_ns = time.monotonic_ns()
        self._give_up_ns = started_ns + int((plan.ttl_s + EXPIRY_MARGIN_S) * _NS_PER_S)
        probers = [
            spawn(self._probe, replica, lane, started_ns)
            for replica in range(len(plan.target.replicas))
            for lane in range(plan.lanes)
        ]
        with self._lines.borrowed(plan.via_replica) as line:
            wait_until(line.alarm, started_ns + int(plan.revoke_after_s * _NS_PER_S))
            self.revoke = self._send_revoke(line, minted)
        joinall(probers, raise_error=True)
        for seen in self.sightings:
            seen.scheduled = len(seen.sent_ns)
        return self.revoke

    def look_again(self) -> None:
        """A few more probes when the law's bound has passed, where the trial ended before; of a law
        that ends a login at once, a while later."""
        bound_s, revoke = self._plan.target.law_bound_s, self.revoke
        if bound_s is None or revoke is None or revoke.outcome != "ok":
            return
        spacing_ns = int(self._plan.probe_every_s * _NS_PER_S)
        due_ns = revoke.acked_ns + int((bound_s or LATER_S) * _NS_PER_S) + spacing_ns
        if due_ns + LATE_PROBES * spacing_ns > self._give_up_ns:
            return
        early = [
            replica
            for replica, seen in enumerate(self.sightings)
            if max(seen.sent_ns, default=0) < due_ns
        ]
        joinall([spawn(self._probe_late, each, due_ns) for each in early], raise_error=True)

    def _mint(self) -> dict[str, Any]:
        plan = self._plan
        with self._lines.borrowed(plan.via_replica) as line:
            request = line.requests.mint(1, plan.ttl_s, plan.victim, plan.admin_secret)
            status = line.client.exchange(request)
            if status != 200:
                raise ExchangeFailed(f"mint answered {status}")
            (minted,) = json.loads(line.client.body)["credentials"]
        return dict(minted)

    def _probe(self, replica: int, lane: int, started_ns: int) -> None:
        plan, seen = self._plan, self.sightings[replica]
        spacing_ns = int(plan.probe_every_s * _NS_PER_S)
        step_ns = plan.lanes * spacing_ns
        # Replicas are probed in turn within a spacing, not all at the same instant.
        offset_ns = spacing_ns * (replica + 1) // len(plan.target.replicas)
        due_ns = started_ns + offset_ns + lane * spacing_ns
        with self._lines.borrowed(replica) as line:
            while not self._settled(seen) and due_ns < self._give_up_ns:
                self._sleep(replica, line.alarm, due_ns)
                if self._settled(seen):
                    return
                self._ask(line, seen)
                missed = max(0, time.monotonic_ns() - due_ns) // step_ns
                due_ns += step_ns * (1 + missed)
        if self._settled(seen):
            self._wake(replica)

    def _sleep(self, replica: int, alarm: Alarm, until_ns: int) -> None:
        """Or until it is woken."""
        self._asleep[replica][alarm] = getcurrent()
        wait_until(alarm, until_ns)
        self._asleep[replica].pop(alarm, None)

    def _wake(self, replica: int) -> None:
        """A settled replica's lanes: there are many where probes are dense, and the next trial
        would wait for the turn of each."""
        asleep, self._asleep[replica] = self._asleep[replica], {}
        for alarm, prober in asleep.items():
            alarm.at(time.monotonic_ns(), prober.switch)

    def _probe_late(self, replica: int, due_ns: int) -> None:
        spacing_ns = int(self._plan.probe_every_s * _NS_PER_S)
        with self._lines.borrowed(replica) as line:
            for number in range(LATE_PROBES):
                wait_until(line.alarm, due_ns + number * spacing_ns)
                self._ask(line, self.sightings[replica])

    def _settled(self, seen: Sightings) -> bool:
        return self.revoke is not None and seen.refusals_in_a_row >= self._enough_refusals

    def _ask(self, line: Line, seen: Sightings) -> None:
        client = line.client
        status = _status(client, line.requests.me(self._credential))
        seen.note(self._is_accepted(status, client.body), client.sent_ns, client.done_ns)

    def _is_accepted(self, status: int | None, body: bytes) -> bool | None:
        """Of a changed role: whether the old one still counts. None: it cannot be told."""
        if status == 401:
            return False
        if status != 200:
            return None
        return self._plan.how != "role" or json.loads(body)["role"] != NEW_ROLE

    def _send_revoke(self, line: Line, minted: dict[str, Any]) -> Revoke:
        plan, requests, client = self._plan, line.requests, line.client
        match plan.how:
            case "kick":
                request = requests.kick(minted["user_id"], plan.admin_secret)
            case "logout":
                request = requests.logout(self._credential, minted["csrf_token"])
            case "role":
                request = requests.role(minted["user_id"], NEW_ROLE, plan.admin_secret)
        status = _status(client, request)
        acked_ns = client.done_ns if status else time.monotonic_ns()
        promised = json.loads(client.body).get("effective_within_s") if status else None
        return Revoke(revoke_outcome(status), client.sent_ns, acked_ns, promised)


def _status(client: Client, request: bytes) -> int | None:
    try:
        return client.exchange(request)
    except ExchangeFailed:
        return None

"""How long does a kicked user stay in? A victim is probed on every replica and revoked through one.

Probes run on a fixed schedule until each replica has refused many times in a row, or the
credential has outlived its life. What is known of a replica's lag is an interval: from the last
accepted probe's sending to the first refused one's.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from typing import Literal

from gevent import joinall, spawn

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.dispatcher import new_alarm, wait_until
from loadtests.http_messages import Requests
from loadtests.messages import ArmTarget
from loadtests.model import RevocationRecord, RevokeOutcome
from loadtests.recorder import Stamp
from loadtests.visitor import Visitor

REFUSALS_TO_STOP = 20
# The revoke comes at a random moment, so that trials do not beat in time with the token's seconds.
REVOKE_AFTER_S = (0.05, 0.25)
EXPIRY_MARGIN_S = 0.3
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One victim's trial. `run_started_ns` is the zero of the times in its records."""

    target: ArmTarget
    trial: int
    how: Literal["kick", "logout"]
    via_replica: int
    revoke_after_s: float
    probe_every_s: float
    ttl_s: int
    victim: int
    admin_secret: str


@dataclass(slots=True)
class Sightings:
    """What probes of one replica saw, as sent times in ns; outcomes other than 200 and 401 tell
    nothing about the credential and are only counted."""

    accepted_ns: list[int] = field(default_factory=list)
    refused_ns: list[int] = field(default_factory=list)
    probes: int = 0
    refusals_in_a_row: int = 0

    def note(self, status: int | None, sent_ns: int) -> None:
        self.probes += 1
        if status == 200:
            self.accepted_ns.append(sent_ns)
            self.refusals_in_a_row = 0
        elif status == 401:
            self.refused_ns.append(sent_ns)
            self.refusals_in_a_row += 1


@dataclass(frozen=True, slots=True)
class Revoke:
    """The revoke itself: how it ended and when it was sent and acknowledged."""

    outcome: RevokeOutcome
    sent_ns: int
    acked_ns: int
    effective_within_s: float | None


def plan_trial(
    target: ArmTarget,
    trial: int,
    *,
    dice: random.Random,
    victim: int,
    probe_every_s: float,
    ttl_s: int,
    admin_secret: str,
) -> TrialPlan:
    """Kick and logout alternate; replica and moment are drawn."""
    return TrialPlan(
        target=target,
        trial=trial,
        how="kick" if trial % 2 == 0 else "logout",
        via_replica=dice.randrange(len(target.replicas)),
        revoke_after_s=dice.uniform(*REVOKE_AFTER_S),
        probe_every_s=probe_every_s,
        ttl_s=ttl_s,
        victim=victim,
        admin_secret=admin_secret,
    )


def lag_interval_s(
    sightings: Sightings, acked_ns: int
) -> tuple[int | None, int | None, float, float | None]:
    """(last accepted sent, first rejected sent after it, lag_low_s, lag_high_s); see DESIGN."""
    last_ns = max(sightings.accepted_ns, default=None)
    after_ns = [t for t in sightings.refused_ns if last_ns is None or t > last_ns]
    first_ns = min(after_ns, default=None)
    low_s = max(0.0, (last_ns - acked_ns) / _NS_PER_S) if last_ns is not None else 0.0
    high_s = max(0.0, (first_ns - acked_ns) / _NS_PER_S) if first_ns is not None else None
    return last_ns, first_ns, low_s, high_s


class Trial:
    """Runs one plan. Raises ExchangeFailed when not even the victim's credential can be had."""

    def __init__(self, plan: TrialPlan, watchdog: Watchdog) -> None:
        self._plan = plan
        self._watchdog = watchdog
        self._revoke: Revoke | None = None
        self._give_up_ns = 0

    def run(self) -> tuple[Revoke, list[Sightings]]:
        """The revoke, and one `Sightings` a replica."""
        plan = self._plan
        credential, csrf_token, user_id = self._mint()
        started_ns = time.monotonic_ns()
        self._give_up_ns = started_ns + int((plan.ttl_s + EXPIRY_MARGIN_S) * _NS_PER_S)
        sightings = [Sightings() for _ in plan.target.replicas]
        probers = [
            spawn(self._probe, number, credential, started_ns, seen)
            for number, seen in enumerate(sightings)
        ]
        alarm = new_alarm()
        wait_until(alarm, started_ns + int(plan.revoke_after_s * _NS_PER_S))
        alarm.close()
        self._revoke = self._send_revoke(credential, csrf_token, user_id)
        joinall(probers, raise_error=True)
        return self._revoke, sightings

    def _mint(self) -> tuple[str, str, str]:
        plan = self._plan
        client, requests = self._connect(plan.via_replica)
        request = requests.mint(1, plan.ttl_s, plan.victim, plan.admin_secret)
        status = client.exchange(request)
        client.close()
        if status != 200:
            raise ExchangeFailed(f"mint answered {status}")
        (minted,) = json.loads(client.body)["credentials"]
        return minted["credential"], minted["csrf_token"], minted["user_id"]

    def _probe(self, replica: int, credential: str, started_ns: int, seen: Sightings) -> None:
        plan = self._plan
        client, requests = self._connect(replica)
        alarm = new_alarm()
        spacing_ns = int(plan.probe_every_s * _NS_PER_S)
        # Replicas are probed in turn within a spacing, not all at the same instant.
        due_ns = started_ns + spacing_ns * (replica + 1) // len(plan.target.replicas)
        request = requests.me(credential)
        while not self._settled(seen) and due_ns < self._give_up_ns:
            wait_until(alarm, due_ns)
            seen.note(_status(client, request), client.sent_ns)
            missed = max(0, time.monotonic_ns() - due_ns) // spacing_ns
            due_ns += spacing_ns * (1 + missed)
        alarm.close()
        client.close()

    def _settled(self, seen: Sightings) -> bool:
        return self._revoke is not None and seen.refusals_in_a_row >= REFUSALS_TO_STOP

    def _send_revoke(self, credential: str, csrf_token: str, user_id: str) -> Revoke:
        plan = self._plan
        client, requests = self._connect(plan.via_replica)
        request = (
            requests.kick(user_id, plan.admin_secret)
            if plan.how == "kick"
            else requests.logout(credential, csrf_token)
        )
        status = _status(client, request)
        acked_ns = client.done_ns if status else time.monotonic_ns()
        client.close()
        promised = json.loads(client.body).get("effective_within_s") if status else None
        return Revoke(_revoke_outcome(status), client.sent_ns, acked_ns, promised)

    def _connect(self, replica: int) -> tuple[Client, Requests]:
        target, at = self._plan.target, self._plan.target.replicas[replica]
        requests = Requests(at.host, at.port, target.carrier, target.cookie_name)
        return self._watchdog.guard(Client(at.host, at.port)), requests


def records(
    plan: TrialPlan,
    revoke: Revoke,
    sightings: list[Sightings],
    *,
    block: int,
    phase: str,
    run_started_ns: int,
    load_fraction: float,
) -> list[RevocationRecord]:
    """One line a replica."""

    def since_start_s(at_ns: int | None) -> float | None:
        return None if at_ns is None else (at_ns - run_started_ns) / _NS_PER_S

    lines = []
    for replica, seen in enumerate(sightings):
        last_ns, first_ns, low_s, high_s = lag_interval_s(seen, revoke.acked_ns)
        first_refusal_ns = min(seen.refused_ns, default=None)
        lines.append(
            RevocationRecord(
                block=block,
                trial=plan.trial,
                arm=plan.target.arm,
                how=plan.how,
                via_replica=plan.via_replica,
                replica=replica,
                revoke=revoke.outcome,
                sent_s=(revoke.sent_ns - run_started_ns) / _NS_PER_S,
                acked_s=(revoke.acked_ns - run_started_ns) / _NS_PER_S,
                effective_within_s=revoke.effective_within_s,
                last_accepted_sent_s=since_start_s(last_ns),
                first_rejected_sent_s=since_start_s(first_ns),
                lag_low_s=low_s,
                lag_high_s=high_s,
                probes=seen.probes,
                accepted_after_ack=sum(t > revoke.acked_ns for t in seen.accepted_ns),
                reaccepted=sum(
                    first_refusal_ns is not None and t > first_refusal_ns for t in seen.accepted_ns
                ),
                load_fraction=load_fraction,
                phase=phase,
            )
        )
    return lines


def iterate(visitor: Visitor, due_ns: int) -> None:
    """By hand: one trial; each replica's lag is recorded as a request that took that long.

    Raises ExchangeFailed, recorded as a failed request, where the trial cannot begin.
    """
    plan = plan_trial(
        visitor.target,
        visitor.dice.randrange(1_000_000),
        dice=visitor.dice,
        victim=visitor.dice.randrange(visitor.population),
        probe_every_s=0.002,
        ttl_s=2,
        admin_secret=visitor.admin_secret,
    )
    began_ns = time.monotonic_ns()
    try:
        revoke, sightings = Trial(plan, visitor.watchdog).run()
    except ExchangeFailed as failure:
        ended_ns = time.monotonic_ns()
        visitor.record(Stamp("MINT victim", failure.outcome, due_ns, began_ns, ended_ns, 0, 0))
        raise
    for replica, seen in enumerate(sightings):
        _last_ns, first_ns, _low_s, high_s = lag_interval_s(seen, revoke.acked_ns)
        outcome: int | str = 200 if high_s is not None else "never revoked"
        done_ns = max(revoke.acked_ns, first_ns or time.monotonic_ns())
        visitor.record(
            Stamp(f"LAG replica {replica}", outcome, due_ns, revoke.acked_ns, done_ns, 0, 0)
        )


def _status(client: Client, request: bytes) -> int | None:
    try:
        return client.exchange(request)
    except ExchangeFailed:
        return None


def _revoke_outcome(status: int | None) -> RevokeOutcome:
    if status in {200, 202}:
        return "ok"
    return "refused" if status is not None and 400 <= status < 500 else "indeterminate"

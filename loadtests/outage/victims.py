"""Users who are revoked: each is probed on every replica, from its revoke's eve to the end."""

from __future__ import annotations

import json
import time

from gevent import Greenlet, joinall, sleep, spawn

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.messages import ArmTarget, Credential
from loadtests.outage.minting import connect
from loadtests.outage.sightings import Asked, VictimSeen
from loadtests.outage.timeline import Victim, first_probe_ns
from loadtests.sightings import revoke_outcome

_NS_PER_S = 1_000_000_000


class Ordeal:
    """One victim's trial. `expires_ns`: when its credential has outlived its life, monotonic."""

    def __init__(
        self,
        target: ArmTarget,
        victim: Victim,
        credential: Credential,
        expires_ns: int | None,
        admin_secret: str,
        watchdog: Watchdog,
    ) -> None:
        self._target = target
        self._victim = victim
        self._credential = credential
        self._expires_ns = expires_ns
        self._admin_secret = admin_secret
        self._watchdog = watchdog
        self._probes: list[Asked] = []

    def run(self, begin_ns: int, end_ns: int, probe_every_ns: int) -> VictimSeen:
        """Returns after `end_ns` and the last answer; times in what it tells from `begin_ns`."""
        probers: list[Greenlet[..., None]] = [
            spawn(self._probe, replica, begin_ns, end_ns, probe_every_ns)
            for replica in range(len(self._target.replicas))
        ]
        _sleep_until(begin_ns + self._victim.revoke_ns)
        client, status = self._send_revoke()
        acked_ns = client.done_ns if status else time.monotonic_ns()
        promised_s = None
        if status in (200, 202):
            promised_s = json.loads(client.body).get("effective_within_s")
        joinall(probers, raise_error=True)
        expires_ns = None if self._expires_ns is None else self._expires_ns - begin_ns
        return VictimSeen(
            how=self._victim.how,
            via_replica=self._victim.via_replica,
            revoke=revoke_outcome(status),
            sent_ns=client.sent_ns - begin_ns,
            acked_ns=acked_ns - begin_ns,
            promised_s=promised_s,
            expires_ns=expires_ns,
            probes=tuple(self._probes),
        )

    def _probe(self, replica: int, begin_ns: int, end_ns: int, every_ns: int) -> None:
        client, requests = connect(self._target, replica, self._watchdog)
        request = requests.me(self._credential.credential)
        replicas = len(self._target.replicas)
        due_ns = begin_ns + first_probe_ns(self._victim, replica, replicas, every_ns)
        while due_ns < end_ns:
            _sleep_until(due_ns)
            outcome = _outcome(client, request)
            sent_ns, done_ns = client.sent_ns - begin_ns, time.monotonic_ns() - begin_ns
            self._probes.append(Asked(replica, outcome, due_ns - begin_ns, sent_ns, done_ns))
            missed = max(0, time.monotonic_ns() - due_ns) // every_ns
            due_ns += every_ns * (1 + missed)
        client.close()

    def _send_revoke(self) -> tuple[Client, int | None]:
        """Its status, or None where no answer came."""
        client, requests = connect(self._target, self._victim.via_replica, self._watchdog)
        request = (
            requests.kick(self._credential.user_id, self._admin_secret)
            if self._victim.how == "kick"
            else requests.logout(self._credential.credential, self._credential.csrf_token)
        )
        try:
            status = client.exchange(request)
        except ExchangeFailed:
            return client, None
        client.close()
        return client, status


def _outcome(client: Client, request: bytes) -> str:
    try:
        return str(client.exchange(request))
    except ExchangeFailed as failure:
        return failure.outcome


def _sleep_until(at_ns: int) -> None:
    """To the millisecond, rounded up; what is judged are the times of sending."""
    sleep(max(0.0, (at_ns - time.monotonic_ns()) / _NS_PER_S))

"""Credentials for a trial: everybody who browses, and everybody who will be revoked."""

from __future__ import annotations

import json
import time

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.http_messages import Requests
from loadtests.messages import ArmTarget, Credential


def connect(target: ArmTarget, replica: int, watchdog: Watchdog) -> tuple[Client, Requests]:
    at = target.replicas[replica]
    requests = Requests(at.host, at.port, target.carrier, target.cookie_name)
    return watchdog.guard(Client(at.host, at.port)), requests


def mint(
    target: ArmTarget,
    count: int,
    first_user: int,
    ttl_s: int | None,
    admin_secret: str,
    watchdog: Watchdog,
) -> tuple[list[Credential], int]:
    """One credential for each of `count` users from `first_user` on, and when they were there
    (monotonic, ns). Raises ExchangeFailed where the first replica does not mint them."""
    client, requests = connect(target, 0, watchdog)
    status = client.exchange(requests.mint(count, ttl_s, first_user, admin_secret))
    client.close()
    if status != 200:
        raise ExchangeFailed(f"{target.arm}: mint answered {status}: {client.body.decode()}")
    minted = json.loads(client.body)["credentials"]
    credentials = [
        Credential(each["user_id"], each["credential"], each.get("csrf_token") or "")
        for each in minted
    ]
    return credentials, time.monotonic_ns()

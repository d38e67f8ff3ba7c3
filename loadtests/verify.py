"""Before measuring: every replica accepts a good credential and refuses bad ones.

Also mints the population. Plain requests, nothing of it is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import requests

from loadtests.messages import Credential, ReplicaAddress
from loadtests.model import Carrier, LawRecord
from loadtests.target import MeasurementError

TIMEOUT_S = 60.0


def mint(
    address: ReplicaAddress, count: int, admin_secret: str, first_user: int = 0
) -> tuple[Credential, ...]:
    """One credential each for `count` users from `first_user` on.

    Raises MeasurementError when the server refuses.
    """
    answer = requests.post(
        f"{address.origin}/admin/credentials",
        json={"count": count, "first_user": first_user},
        headers={"Authorization": f"Bearer {admin_secret}"},
        timeout=TIMEOUT_S,
    )
    if answer.status_code != 200:
        raise MeasurementError(f"{address.origin}: minting answered {answer.status_code}")
    return tuple(
        Credential(minted["user_id"], minted["credential"], minted.get("csrf_token") or "")
        for minted in answer.json()["credentials"]
    )


def readiness(address: ReplicaAddress) -> dict[str, Any]:
    """What `/readyz` says. Raises MeasurementError when the replica is not ready."""
    answer = requests.get(f"{address.origin}/readyz", timeout=TIMEOUT_S)
    if answer.status_code != 200:
        raise MeasurementError(f"{address.origin}: not ready: {answer.text.strip()}")
    return cast("dict[str, Any]", answer.json())


def law(readyz: dict[str, Any]) -> LawRecord:
    return LawRecord(**readyz["law"])


def check_replica(
    name: str,
    address: ReplicaAddress,
    carrier: Carrier,
    cookie_name: str,
    sample: Sequence[Credential],
) -> None:
    """Raises MeasurementError naming the replica and what it did wrong."""
    for minted in sample:
        answer = _me(address, carrier, cookie_name, minted.credential)
        if answer.status_code != 200 or answer.json()["user_id"] != minted.user_id:
            raise MeasurementError(f"{name} refuses a good credential: {answer.status_code}")
    for label, bad in _bad_credentials(sample[0].credential).items():
        status = _me(address, carrier, cookie_name, bad).status_code
        if status != 401:
            raise MeasurementError(f"{name} answers {status}, not 401, to {label}")


def _bad_credentials(good: str) -> dict[str, str | None]:
    middle = len(good) // 2
    return {
        "no credential": None,
        "a made-up credential": "nobody",
        "a truncated credential": good[:middle],
        "a credential with more at its end": good + "0",
        "a tampered credential": good[:middle] + ("~" + good[middle + 1 :]),
    }


def _me(
    address: ReplicaAddress, carrier: Carrier, cookie_name: str, credential: str | None
) -> requests.Response:
    headers = {}
    if credential is not None:
        if carrier == "bearer":
            headers["Authorization"] = f"Bearer {credential}"
        else:
            headers["Cookie"] = f"{cookie_name}={credential}"
    return requests.get(f"{address.origin}/me", headers=headers, timeout=TIMEOUT_S)

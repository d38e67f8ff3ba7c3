"""Before measuring: every replica accepts a good credential and refuses bad ones.

Also mints the population. Plain requests, nothing of it is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import requests

from loadtests.carts import cart
from loadtests.messages import Credential, ReplicaAddress
from loadtests.model import Carrier, LawRecord
from loadtests.server_flags import ExperimentError
from loadtests.target import MeasurementError

TIMEOUT_S = 60.0
# The prediction of a block leaves out repeated slices, and machines slower than ours.
LIFE_FACTOR = 1.5


@dataclass(frozen=True, slots=True)
class Minted:
    """A population's credentials and the shortest of their lives; None: they never expire."""

    credentials: tuple[Credential, ...]
    shortest_life_s: float | None


def fixed_roles(address: ReplicaAddress, user: int, admin_secret: str) -> str | None:
    """Why a role cannot be changed, in the server's words; None: that of user number `user` was,
    and theirs can be. Raises MeasurementError when the server refuses for another reason."""
    (minted,) = mint(address, 1, admin_secret, first_user=user).credentials
    answer = requests.put(
        f"{address.origin}/admin/users/{minted.user_id}/role",
        json={"role": "checked"},
        headers={"Authorization": f"Bearer {admin_secret}"},
        timeout=TIMEOUT_S,
    )
    if answer.status_code == 409:
        return str(answer.json()["message"])
    if answer.status_code not in (200, 202):
        raise MeasurementError(f"{address.origin}: a change of role answered {answer.status_code}")
    return None


class DoesNotFitError(Exception):
    """The state asked for does not fit the server or the credential; the text is the server's."""


def mint(
    address: ReplicaAddress,
    count: int,
    admin_secret: str,
    first_user: int = 0,
    state_bytes: int | None = None,
) -> Minted:
    """One credential each for `count` users from `first_user` on, their state that large.

    Raises DoesNotFitError where such a state cannot be, MeasurementError when the server refuses
    for another reason.
    """
    asked: dict[str, object] = {"count": count, "first_user": first_user}
    if state_bytes is not None:
        asked["state"] = cart(0, state_bytes)
    answer = requests.post(
        f"{address.origin}/admin/credentials",
        json=asked,
        headers={"Authorization": f"Bearer {admin_secret}"},
        timeout=TIMEOUT_S,
    )
    if answer.status_code == 413:
        raise DoesNotFitError(answer.json()["message"])
    if answer.status_code != 200:
        raise MeasurementError(f"{address.origin}: minting answered {answer.status_code}")
    minted = answer.json()["credentials"]
    credentials = tuple(
        Credential(
            each["user_id"],
            each["credential"],
            each.get("csrf_token") or "",
            each.get("refresh_token") or "",
        )
        for each in minted
    )
    lives_s = [each["expires_in"] for each in minted if each["expires_in"] is not None]
    return Minted(credentials, min(lives_s, default=None))


def check_life(arm: str, shortest_life_s: float | None, block_s: float) -> None:
    """Whether credentials outlive the block they are minted for, predicted to take `block_s`.

    Raises ExperimentError naming the arm, both times in seconds, and what to change.
    """
    least_s = LIFE_FACTOR * block_s
    if shortest_life_s is not None and shortest_life_s < least_s:
        raise ExperimentError(
            f"arms.{arm}: a block takes about {block_s:.0f} s but its credentials live "
            f"{shortest_life_s:g} s; allowed: a life of at least {math.ceil(least_s)} s "
            "(raise it in the arm's settings), or fewer rounds"
        )


def check_refreshes(arm: str, phases: Sequence[str], minted: Minted) -> None:
    """Whether an arm has refresh tokens for the `phases` that use them.

    Raises ExperimentError naming the phase, the arm and what to change.
    """
    if phases and not all(each.refresh_token for each in minted.credentials):
        raise ExperimentError(
            f"phases.{phases[0]}.arms: {arm!r} grants no refresh token; "
            "allowed: arms of a strategy that refreshes (jwt_refresh)"
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

"""Do the tabs of one browser log each other out? They refresh with the same token, each for itself.

Every tab holds the refresh token it read before another one rotated it, and none waits for the
others. Whether the browser is still logged in afterwards is asked with the newest token it got.
A thief shows a rotated token again and again, later and later, until it is refused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import gevent

from loadtests.client import Client, ExchangeFailed, Watchdog
from loadtests.http_messages import Requests
from loadtests.messages import ArmTarget
from loadtests.model import Replay, TabsOutcome
from loadtests.recorder import Stamp
from loadtests.visitor import Visitor, refresh_token_in

_NS_PER_S = 1_000_000_000
_BY_HAND_TABS = (2, 5)
_BY_HAND_WITHIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Shown:
    """A refresh token shown once: the status (None: no whole answer), two clocks in ns, and the
    token it was exchanged for, "" where it was not."""

    status: int | None
    sent_ns: int
    done_ns: int
    granted: str = ""


class Refresher:
    """Shows refresh tokens to an arm's replicas in turn, each time over a new connection, as tabs
    that wake up do."""

    def __init__(self, target: ArmTarget, watchdog: Watchdog, first_replica: int) -> None:
        self._target = target
        self._watchdog = watchdog
        self._replicas = count(first_replica)

    def show(self, token: str) -> Shown:
        target = self._target
        at = target.replicas[next(self._replicas) % len(target.replicas)]
        client = Client(at.host, at.port, reads_cookies=target.carrier == "cookie")
        self._watchdog.guard(client)
        request = Requests(at.host, at.port, target.carrier, target.cookie_name).refresh(token)
        try:
            status = client.exchange(request)
        except ExchangeFailed:
            return Shown(None, client.sent_ns, time.monotonic_ns())
        granted = refresh_token_in(client, target) if status == 200 else ""
        client.close()
        return Shown(status, client.sent_ns, client.done_ns, granted)


@dataclass(frozen=True, slots=True)
class Shared:
    """What tabs got for the token they shared, and what was said to the newest one at last."""

    tabs: tuple[Shown, ...]
    last_status: int | None

    @property
    def outcome(self) -> TabsOutcome:
        """Whether the browser is still logged in; unknown where anything failed on the way, as a
        lost answer logs out too."""
        statuses = {shown.status for shown in self.tabs}
        if not statuses <= {200, 401}:
            return "unknown"
        return _outcome(self.last_status if 200 in statuses else 401)

    @property
    def spread_s(self) -> float:
        """From the first tab's sending to the last's."""
        sent_ns = [shown.sent_ns for shown in self.tabs]
        return (max(sent_ns) - min(sent_ns)) / _NS_PER_S

    @property
    def apart_s(self) -> tuple[float, float]:
        """How long after the rotation the last tab was handled, at least and at most.

        The rotation lies between the first sending and the first grant.
        """
        first_sent_ns = min(shown.sent_ns for shown in self.tabs)
        last_sent_ns = max(shown.sent_ns for shown in self.tabs)
        granted_ns = min((s.done_ns for s in self.tabs if s.granted), default=last_sent_ns)
        last_done_ns = max(shown.done_ns for shown in self.tabs)
        low_s = max(0, last_sent_ns - granted_ns) / _NS_PER_S
        return low_s, (last_done_ns - first_sent_ns) / _NS_PER_S


def share_in_tabs(
    refresher: Refresher, token: str, begin_ns: int, offsets_s: Sequence[float]
) -> Shared:
    """One tab for each of `offsets_s`, which counts from `begin_ns`."""
    shown: list[Shown] = []

    def refresh(offset_s: float) -> None:
        _sleep_until(begin_ns + int(offset_s * _NS_PER_S))
        shown.append(refresher.show(token))

    tabs = [gevent.spawn(refresh, offset_s) for offset_s in offsets_s]
    gevent.joinall(tabs, raise_error=True)
    newest = max(shown, key=lambda each: (each.granted != "", each.done_ns))
    last = refresher.show(newest.granted) if newest.granted else None
    return Shared(tuple(shown), last.status if last else None)


@dataclass(frozen=True, slots=True)
class Stolen:
    """What a thief got for a rotated token, and what was said to its owner at last; no replays
    where there was no rotation."""

    replays: tuple[Replay, ...]
    owner_status: int | None

    @property
    def outcome(self) -> TabsOutcome:
        return _outcome(self.owner_status)

    @property
    def family_ended(self) -> bool | None:
        """Whether the reuse ended the login; None where no replay was refused."""
        if all(replay.accepted for replay in self.replays) or self.outcome == "unknown":
            return None
        return self.outcome == "logged_out"


def steal(refresher: Refresher, token: str, begin_ns: int, moments_s: Sequence[float]) -> Stolen:
    """The owner rotates `token`; a thief shows it at `moments_s` after that, until it is refused.

    A replay without an answer of 200 or 401 tells nothing and is left out.
    """
    _sleep_until(begin_ns)
    rotation = refresher.show(token)
    if rotation.status != 200:
        return Stolen((), None)
    replays: list[Replay] = []
    for moment_s in moments_s:
        _sleep_until(rotation.done_ns + int(moment_s * _NS_PER_S))
        shown = refresher.show(token)
        if shown.status in {200, 401}:
            replays.append(_replay(rotation, shown))
        if shown.status == 401:
            break
    return Stolen(tuple(replays), refresher.show(rotation.granted).status)


def _replay(rotation: Shown, shown: Shown) -> Replay:
    return Replay(
        replayed_after_s=(shown.sent_ns - rotation.done_ns) / _NS_PER_S,
        at_most_s=(shown.done_ns - rotation.sent_ns) / _NS_PER_S,
        accepted=shown.status == 200,
    )


def iterate(visitor: Visitor, due_ns: int) -> None:
    """By hand: a browser of 2 to 5 tabs logs in, and its tabs refresh within 50 ms."""
    account = visitor.login(due_ns)
    if account is None:
        return
    tabs = visitor.dice.randint(*_BY_HAND_TABS)
    offsets_s = [visitor.dice.uniform(0, _BY_HAND_WITHIN_S) for _ in range(tabs)]
    refresher = Refresher(visitor.target, visitor.watchdog, visitor.dice.randrange(tabs))
    shared = share_in_tabs(refresher, account.refresh_token, time.monotonic_ns(), offsets_s)
    begun_ns = min(shown.sent_ns for shown in shared.tabs)
    ended_ns = max(shown.done_ns for shown in shared.tabs)
    outcome = 200 if shared.outcome == "kept" else shared.outcome.replace("_", " ")
    visitor.record(Stamp(f"REFRESH in {tabs} tabs", outcome, due_ns, begun_ns, ended_ns, 0, 0))


def _outcome(status: int | None) -> TabsOutcome:
    if status == 200:
        return "kept"
    return "logged_out" if status == 401 else "unknown"


def _sleep_until(at_ns: int) -> None:
    """To the millisecond: what counts is when a request was sent, and that is read."""
    gevent.sleep(max(0.0, (at_ns - time.monotonic_ns()) / _NS_PER_S))

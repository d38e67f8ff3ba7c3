"""The generator's part of an outage block: arms browsed, revoked and probed at the same time.

One dispatcher and one stage an arm, all in this process. It does as the runner cues, and knows
nothing of the faults.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gevent import Greenlet, joinall, spawn

from loadtests.client import Watchdog
from loadtests.dispatcher import Dispatcher, new_alarm, wait_until
from loadtests.messages import ArmTarget, Message, Order
from loadtests.outage.cues import Cue, TrialPlan
from loadtests.outage.guests import Guest
from loadtests.outage.minting import mint
from loadtests.outage.sightings import Asked, Sighted, VictimSeen
from loadtests.outage.timeline import plan_victims
from loadtests.outage.victims import Ordeal
from loadtests.pacing import due_times_ns
from loadtests.scenarios import outage as browsing
from loadtests.stage import Stage

_NS_PER_S = 1_000_000_000

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Company:
    """An arm's users: its guests, and the stage they wait on."""

    target: ArmTarget
    stage: Stage
    guests: list[Guest]


class OutageWalk:
    """Plays the trials that `next_cue` tells of; `emit` sends a message to the runner."""

    def __init__(
        self,
        order: Order,
        companies: Mapping[str, Company],
        watchdog: Watchdog,
        next_cue: Callable[[], Cue],
        emit: Callable[[Message], None],
    ) -> None:
        self._order = order
        self._companies = companies
        self._watchdog = watchdog
        self._next_cue = next_cue
        self._emit = emit
        self._wait = partial(wait_until, new_alarm())

    def run(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()
        # From here on cues are heard.
        self._emit(Message(stands=True))
        while (plan := self._next_cue().trial) is not None:
            acts = [
                Act(self._companies[arm], plan, self._order, self._watchdog) for arm in plan.lives_s
            ]
            _together([spawn(act.rehearse) for act in acts])
            gc.collect()
            self._emit(Message(stands=True))
            begin_ns = self._next_cue().begin_ns
            assert begin_ns is not None
            for sighted in self._play(acts, begin_ns, plan):
                self._emit(Message(sighted=sighted))
        self._emit(Message(done=True))

    def _play(self, acts: list[Act], begin_ns: int, plan: TrialPlan) -> list[Sighted]:
        end_ns = begin_ns + int(plan.outage.trial_s * _NS_PER_S)
        for act in acts:
            act.begin(begin_ns, end_ns)
        self._wait(end_ns)
        timeout_s = self._order.experiment.request_timeout_s
        return _together([spawn(act.end, begin_ns, timeout_s) for act in acts])


class Act:
    """One arm's part in one trial."""

    def __init__(self, company: Company, plan: TrialPlan, order: Order, watchdog: Watchdog) -> None:
        self._company = company
        self._plan = plan
        self._order = order
        self._watchdog = watchdog
        self._asked: list[Asked] = []
        self._logins: list[Asked] = []
        self._ordeals: list[Ordeal] = []
        self._suffering: list[Greenlet[..., VictimSeen]] = []
        self._dispatcher = Dispatcher(new_alarm(), company.stage.hand_out)

    def rehearse(self) -> None:
        """Raises ExchangeFailed where the arm does not mint."""
        target, guests = self._company.target, self._company.guests
        secret, life_s = self._order.admin_secret, self._plan.lives_s[target.arm]
        credentials, _ = mint(target, len(guests), 0, None, secret, self._watchdog)
        for guest, credential in zip(guests, credentials, strict=True):
            guest.become(credential)
            guest.note = self._asked.append
            guest.note_login = self._logins.append
            guest.warm_up()
        victims = plan_victims(self._plan, len(target.replicas), target.arm)
        first, count = self._plan.first_victim, len(victims)
        credentials, minted_ns = mint(target, count, first, life_s, secret, self._watchdog)
        expires_ns = None if life_s is None else minted_ns + life_s * _NS_PER_S
        self._ordeals = [
            Ordeal(target, victim, credential, expires_ns, secret, self._watchdog)
            for victim, credential in zip(victims, credentials, strict=True)
        ]

    def begin(self, begin_ns: int, end_ns: int) -> None:
        stage, plan = self._company.stage, self._plan
        stage.open(browsing.iterate)
        every_ns = int(plan.outage.probe_every_s * _NS_PER_S)
        self._suffering = [
            spawn(ordeal.run, begin_ns, end_ns, every_ns) for ordeal in self._ordeals
        ]
        seed = plan.seed + sum(self._company.target.arm.encode())
        self._dispatcher.start(due_times_ns(plan.load, begin_ns, end_ns, seed))

    def end(self, begin_ns: int, timeout_s: float) -> Sighted:
        """After the last answer, or the last time-out."""
        self._dispatcher.all_out.wait()
        unanswered = self._company.stage.drain(timeout_s)
        victims = _together(self._suffering)
        asked, logins = (
            tuple(_from(each, begin_ns) for each in noted) for noted in (self._asked, self._logins)
        )
        return Sighted(self._company.target.arm, asked, unanswered, tuple(victims), logins)


def _from(asked: Asked, begin_ns: int) -> Asked:
    return asked._replace(
        due_ns=asked.due_ns - begin_ns,
        sent_ns=asked.sent_ns - begin_ns,
        done_ns=asked.done_ns - begin_ns,
    )


def _together(greenlets: Sequence[Greenlet[..., Told]]) -> list[Told]:
    """What each returned, in order; raises what one raised."""
    joinall(greenlets, raise_error=True)
    return [greenlet.get() for greenlet in greenlets]

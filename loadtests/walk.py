"""Walks a block's slices: guard, recorded time, drain, and what was measured meanwhile.

Runs in the generator, in one greenlet beside the users. Nothing is written or collected during
recorded time; both happen before the next guard.
"""

from __future__ import annotations

import gc
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from loadtests import scenarios
from loadtests.checks import is_disturbed
from loadtests.checks.rules import SATURATED
from loadtests.dispatcher import Dispatcher, new_alarm, wait_until
from loadtests.messages import Message, Order
from loadtests.meters import Meters, Reading
from loadtests.model import Load, Phase, PlannedSlice, SliceRecord
from loadtests.pacing import due_times_ns
from loadtests.probing import Searches, await_end, slice_dues_ns
from loadtests.recorder import Tally, tally
from loadtests.stage import Drive, Stage
from loadtests.trials import run_trials

_NS_PER_S = 1_000_000_000
# From drawing due times to the first of them.
LEAD_NS = 5_000_000

Emit = Callable[[Message], None]
Turn = Callable[[str], None]


class Walk:
    """`turn_to` points every user at an arm; `emit` sends a message to the runner."""

    def __init__(self, order: Order, stage: Stage, turn_to: Turn, emit: Emit) -> None:
        self._order = order
        self._experiment = order.experiment
        self._stage = stage
        self._turn_to = turn_to
        self._emit = emit
        self._alarm = new_alarm()
        self._dispatcher = Dispatcher(new_alarm(), stage.hand_out)
        self._repeats_left = order.experiment.max_repeats
        self._cpus = os.cpu_count() or 1
        # By phase and round: a later attempt of a round takes the place of an earlier one.
        self._capacity_rps: dict[str, dict[tuple[str, int], float]] = defaultdict(dict)
        self._searches = Searches(order.experiment)
        self._meters = {target.arm: Meters(target, order) for target in order.targets}

    def run(self) -> None:
        self._warm_up()
        gc.collect()
        gc.freeze()
        gc.disable()
        for slices in _rounds(self._order.slices):
            self._walk_round(slices)
        self._emit(Message(done=True))

    def _warm_up(self) -> None:
        """Every user works at every arm, so that connections stand and code is warm."""
        browse = scenarios.load("browse")
        for arm in self._experiment.arms:
            self._turn_to(arm.name)
            self._stage.open(_drive(browse))
            until_ns = time.monotonic_ns() + int(self._experiment.warm_up_s * _NS_PER_S)
            self._stage.run_closed(self._experiment.pool_users, until_ns)
            wait_until(self._alarm, until_ns)
            self._stage.drain(self._experiment.request_timeout_s)

    def _walk_round(self, slices: Sequence[PlannedSlice]) -> None:
        """A round disturbed from outside is walked again while the block has repeats left.

        Trials are not: they read clocks, not CPU, and every one of them stands. Nor are probes
        that met their limit all the same. An arm whose search has ended sits the round out.
        """
        slices = [planned for planned in slices if self._searches.load(planned) is not None]
        repeats = not slices or self._experiment.phase(slices[0].phase).trials is None
        attempt, last = 0, dict[str, SliceRecord]()
        while slices:
            records = [self._walk_slice(planned, attempt) for planned in slices]
            last |= {record.arm: record for record in records}
            if not repeats or self._repeats_left == 0 or not is_disturbed(records, self._cpus):
                break
            slices = [planned for planned in slices if self._searches.doubt(last[planned.arm])]
            self._repeats_left -= bool(slices)
            attempt += 1
        self._searches.hear(last.values())

    def _walk_slice(self, planned: PlannedSlice, attempt: int) -> SliceRecord:
        gc.collect()
        self._emit(Message(starting=planned))
        phase = self._experiment.phase(planned.phase)
        self._turn_to(planned.arm)
        if phase.trials is not None:
            record = self._with_trials(planned, phase, attempt)
        else:
            record = self._plain(planned, phase, attempt)
        self._emit(Message(slice=record))
        return record

    def _plain(self, planned: PlannedSlice, phase: Phase, attempt: int) -> SliceRecord:
        guard_ns = time.monotonic_ns() + LEAD_NS
        start_ns = guard_ns + int(phase.guard_s * _NS_PER_S)
        end_ns = start_ns + int(phase.slice_s * _NS_PER_S)
        load = self._searches.load(planned) or phase.load
        dues_ns = slice_dues_ns(phase, load, (guard_ns, start_ns, end_ns), planned.seed)
        self._start_load(load, phase.scenario, end_ns, dues_ns)
        wait_until(self._alarm, start_ns)
        before = self._meters[planned.arm].read()
        planned_end_ns = end_ns
        end_ns, unsent = self._end(phase, load, planned_end_ns)
        after = self._meters[planned.arm].read()
        measured = tally(
            self._stage.stamps,
            start_ns if load.is_open else before.at_ns,
            end_ns,
            by_due=load.is_open,
        )
        record = self._record(planned, load, attempt, measured, before, after, end_ns)
        if phase.kind == "capacity":
            rate_rps = measured.recorded / record.duration_s
            self._capacity_rps[planned.arm][planned.phase, planned.round] = rate_rps
        findings = (SATURATED.name,) if end_ns < planned_end_ns else ()
        return replace(record, unsent=unsent, offered=record.offered + unsent, findings=findings)

    def _end(self, phase: Phase, load: Load, planned_end_ns: int) -> tuple[int, int]:
        """When the recorded time ended, in ns, and how many due requests have no outcome.

        Of a probe that ends early what is under way is answered, what waits is given up.
        """
        wait, given_up = partial(wait_until, self._alarm), 0
        end_ns = await_end(self._stage, self._dispatcher, phase, load, planned_end_ns, wait)
        if end_ns < planned_end_ns:
            self._dispatcher.stop(end_ns)
            self._dispatcher.all_out.wait()
            given_up = self._stage.give_up()
        # The end and the last due times may wake a busy loop together, the end first.
        self._dispatcher.all_out.wait()
        return end_ns, given_up + self._stage.drain(self._experiment.request_timeout_s)

    def _start_load(self, load: Load, scenario: str, until_ns: int, dues_ns: Sequence[int]) -> None:
        self._stage.open(_drive(scenarios.load(scenario)))
        if load.is_open:
            self._dispatcher.start(dues_ns)
        else:
            self._stage.run_closed(load.users or 1, until_ns)

    def _with_trials(self, planned: PlannedSlice, phase: Phase, attempt: int) -> SliceRecord:
        assert phase.trials is not None
        load = Load("poisson", rate_rps=self._background_rps(planned.arm, phase))
        start_ns = time.monotonic_ns() + LEAD_NS
        horizon_ns = start_ns + int(_longest_s(phase) * _NS_PER_S)
        dues_ns = due_times_ns(load, start_ns, horizon_ns, planned.seed)
        self._start_load(load, "browse", horizon_ns, dues_ns)
        before = self._meters[planned.arm].read()
        for line in run_trials(self._order, planned, phase.trials):
            self._emit(Message(revocation=line))
        end_ns = time.monotonic_ns()
        self._dispatcher.stop(end_ns)
        self._dispatcher.all_out.wait()
        unsent = self._stage.drain(self._experiment.request_timeout_s)
        after = self._meters[planned.arm].read()
        measured = tally(self._stage.stamps, start_ns, end_ns, by_due=True)
        record = self._record(planned, load, attempt, measured, before, after, end_ns)
        return replace(record, unsent=unsent, offered=record.offered + unsent)

    def _background_rps(self, arm: str, phase: Phase) -> float:
        assert phase.trials is not None
        capacity_rps = self._capacity_rps[arm].values() or [0.0]
        return phase.trials.background_fraction * sum(capacity_rps) / len(capacity_rps)

    def _record(
        self,
        planned: PlannedSlice,
        load: Load,
        attempt: int,
        measured: Tally,
        before: Reading,
        after: Reading,
        end_ns: int,
    ) -> SliceRecord:
        zero_ns = self._order.run_started_ns
        spent = after.since(before)
        return SliceRecord(
            block=planned.block,
            phase=planned.phase,
            round=planned.round,
            attempt=attempt,
            arm=planned.arm,
            replicas=self._experiment.arm(planned.arm).replicas,
            started_s=(before.at_ns - zero_ns) / _NS_PER_S,
            duration_s=(end_ns - before.at_ns) / _NS_PER_S,
            drained_after_s=(after.at_ns - before.at_ns) / _NS_PER_S,
            load=load,
            endpoints=measured.endpoints,
            completed=measured.completed,
            offered=measured.recorded if load.is_open else 0,
            unsent=0,
            pool_exhausted=self._stage.pool_exhausted,
            dispatch_lag=measured.dispatch_lag,
            cpu_s=spent.cpu_s,
            steal_s=spent.steal_s,
            foreign_cpu_s=spent.foreign_cpu_s,
            wire_bytes=measured.wire_bytes,
        )


def _rounds(slices: Sequence[PlannedSlice]) -> Iterator[list[PlannedSlice]]:
    for _key, group in groupby(slices, key=lambda planned: (planned.phase, planned.round)):
        yield list(group)


def _drive(iterate: scenarios.Iterate) -> Drive:
    def drive(user: object, due_ns: int) -> None:
        iterate(user.visitor, due_ns)  # type: ignore[attr-defined]

    return drive


def _longest_s(phase: Phase) -> float:
    """An upper bound for the trials of one slice: every one lives out its credential."""
    assert phase.trials is not None
    turns = -(-phase.trials.per_slice // phase.trials.concurrent)
    return turns * (phase.trials.ttl_s + 1.0)

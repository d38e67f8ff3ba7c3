"""Walks a block's slices: guard, recorded time, drain, and what was measured meanwhile.

Runs in the generator, in one greenlet; the users are its crew's. Nothing is written or collected
during recorded time; both happen before the next guard.
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
from typing import TypeVar

from loadtests.browsers import run_browsers
from loadtests.checks import is_disturbed
from loadtests.checks.rules import LATE_WORKER, SATURATED
from loadtests.clock_rate import ClockWatch
from loadtests.crew import Crew, Part, Played, WorkerLostError
from loadtests.dispatcher import new_alarm, wait_until
from loadtests.distances import Distances
from loadtests.messages import Message, Order
from loadtests.meters import Meters, Reading, Spent
from loadtests.model import REFRESHING, Load, Phase, PlannedSlice, SliceRecord, WorkerShare
from loadtests.placement import worker_cpu
from loadtests.probing import Searches, await_end
from loadtests.trial_plans import longest_s, sizes_of, slices_of
from loadtests.trial_time import last_begin_ns
from loadtests.trials import run_trials

_NS_PER_S = 1_000_000_000

Emit = Callable[[Message], None]
Told = TypeVar("Told")


class Walk:
    """Conducts `crew`; `emit` sends a message to the runner."""

    def __init__(self, order: Order, crew: Crew, emit: Emit) -> None:
        self._order = order
        self._experiment = order.experiment
        self._crew = crew
        self._emit = emit
        self._wait = partial(wait_until, new_alarm())
        self._repeats_left = order.experiment.max_repeats
        self._cpus = os.cpu_count() or 1
        # By phase and round: a later attempt of a round takes the place of an earlier one.
        self._capacity_rps: dict[str, dict[tuple[str, int], float]] = defaultdict(dict)
        self._searches = Searches(order.experiment)
        self._distances = Distances(order)
        self._clocks = ClockWatch(order.placement.server_cpus)
        self._meters: dict[str, Meters] = {}

    def run(self) -> None:
        """Ends early when the crew loses a worker: what the others did alone is no measurement."""
        try:
            self._walk()
        except WorkerLostError as error:
            self._emit(Message(lost=error.lost))
        finally:
            self._distances.close()
        self._emit(Message(done=True))

    def _walk(self) -> None:
        self._crew.rehearse()
        self._meters = {
            target.arm: Meters(target, self._order, self._crew.worker_pids)
            for target in self._order.targets
        }
        gc.collect()
        gc.freeze()
        gc.disable()
        for slices in _rounds(self._order.slices):
            self._walk_round(slices)

    def _walk_round(self, slices: Sequence[PlannedSlice]) -> None:
        """A round disturbed from outside is walked again while the block has repeats left.

        Trials are not: they read clocks, not CPU, and every one of them stands. Nor are probes
        that met their limit all the same. An arm whose search has ended sits the round out.
        """
        slices = [planned for planned in slices if self._searches.load(planned) is not None]
        repeats = not slices or not self._experiment.phase(slices[0].phase).is_tried
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
        self._distances.set_for(planned)
        phase = self._experiment.phase(planned.phase)
        if phase.trials is not None:
            record = self._with_trials(planned, phase, attempt)
        elif phase.browsers is not None:
            record = self._with_browsers(planned, phase, attempt)
        else:
            record = self._plain(planned, phase, attempt)
        self._emit(Message(slice=record))
        return record

    def _plain(self, planned: PlannedSlice, phase: Phase, attempt: int) -> SliceRecord:
        load = self._searches.load(planned) or phase.load
        guard_ns = time.monotonic_ns() + self._crew.lead_ns
        start_ns = guard_ns + int(phase.guard_s * _NS_PER_S)
        part = Part(
            planned,
            attempt,
            phase.scenario,
            load,
            guard_ns,
            start_ns,
            end_ns=start_ns + int(phase.slice_s * _NS_PER_S),
            gentle_guard=phase.search is not None,
        )
        self._crew.begin(part)
        self._wait(start_ns)
        before = self._meters[planned.arm].read()
        end_ns = await_end(self._crew.look, phase, load, part.end_ns, self._wait)
        self._crew.end(end_ns, give_up=end_ns < part.end_ns)
        after = self._meters[planned.arm].read()
        played = self._crew.sum_up(start_ns if load.is_open else before.at_ns, end_ns)
        record = self._record(part, played, before, after, end_ns)
        if phase.kind == "capacity" and phase.scenario not in REFRESHING:
            rate_rps = played.tally.recorded / record.duration_s
            self._capacity_rps[planned.arm][planned.phase, planned.round] = rate_rps
        return record

    def _with_trials(self, planned: PlannedSlice, phase: Phase, attempt: int) -> SliceRecord:
        trials = phase.trials
        assert trials is not None
        target, capacity_rps = self._order.target(planned.arm), self._mean_capacity_rps(planned.arm)
        sizes = sizes_of(
            trials,
            target.law_bound_s,
            replicas=len(target.replicas),
            slices=slices_of(self._experiment, phase),
            capacity_rps=capacity_rps,
        )
        part = self._background(
            planned,
            attempt,
            sizes.background_rps,
            guard_s=phase.guard_s,
            longest_s=longest_s(sizes, trials.ttl_s),
        )
        now_ns = time.monotonic_ns()
        until_ns = last_begin_ns(self._order, planned, now_ns, self._mean_capacity_rps)
        record, tried = self._beside(
            part, lambda: run_trials(self._order, planned, trials, sizes, until_ns)
        )
        offered_rps = record.offered / record.duration_s + tried.probes_rps
        fraction = offered_rps / capacity_rps if capacity_rps else 0.0
        asked = trials.background_fraction
        for line in tried.lines:
            loaded = replace(line, load_fraction=fraction, load_asked=asked)
            self._emit(Message(revocation=loaded))
        return replace(record, not_begun=tried.not_begun)

    def _with_browsers(self, planned: PlannedSlice, phase: Phase, attempt: int) -> SliceRecord:
        browsers = phase.browsers
        assert browsers is not None
        lasting_s = browsers.lasting_s(self._experiment.arm(planned.arm).grace_s)
        part = self._background(planned, attempt, 0.0, guard_s=0.0, longest_s=lasting_s)
        record, lines = self._beside(
            part, lambda: list(run_browsers(self._order, planned, browsers))
        )
        for browser in lines:
            self._emit(Message(tabs=browser))
        return record

    def _background(
        self,
        planned: PlannedSlice,
        attempt: int,
        rate_rps: float,
        *,
        guard_s: float,
        longest_s: float,
    ) -> Part:
        """Browsing beside trials, from now on, for as long as they can last; they begin after
        `guard_s`, when the arm is no longer cold."""
        guard_ns = time.monotonic_ns() + self._crew.lead_ns
        start_ns = guard_ns + int(guard_s * _NS_PER_S)
        horizon_ns = start_ns + int(longest_s * _NS_PER_S)
        load = Load("poisson", rate_rps=rate_rps)
        return Part(planned, attempt, "browse", load, guard_ns, start_ns, horizon_ns)

    def _beside(self, part: Part, run: Callable[[], Told]) -> tuple[SliceRecord, Told]:
        """What was recorded of the background while trials ran, and what they told. Their lines
        are told only then: without the whole background these are trials at another load."""
        self._crew.begin(part)
        self._wait(part.start_ns)
        meters = self._meters[part.planned.arm]
        before = meters.read()
        told = run()
        end_ns = time.monotonic_ns()
        self._crew.end(end_ns, give_up=False)
        after = meters.read()
        played = self._crew.sum_up(part.start_ns, end_ns)
        return self._record(part, played, before, after, end_ns), told

    def _mean_capacity_rps(self, arm: str) -> float:
        """0 where none was measured before."""
        capacity_rps = self._capacity_rps[arm].values() or [0.0]
        return sum(capacity_rps) / len(capacity_rps)

    def _record(
        self, part: Part, played: Played, before: Reading, after: Reading, end_ns: int
    ) -> SliceRecord:
        planned, measured = part.planned, played.tally
        zero_ns = self._order.run_started_ns
        spent, clock = after.since(before), self._clocks.look()
        workers = self._shares(part, played, spent)
        # Trials end when they have told what they can; anything else that ends early, saturated.
        is_early = end_ns < part.end_ns and not self._experiment.phase(planned.phase).is_tried
        is_late = any(each.lead_s < 0 for each in workers)
        doubts = ((is_early, SATURATED), (is_late, LATE_WORKER))
        return SliceRecord(
            block=planned.block,
            phase=planned.phase,
            round=planned.round,
            attempt=part.attempt,
            arm=planned.arm,
            replicas=self._experiment.arm(planned.arm).replicas,
            started_s=(before.at_ns - zero_ns) / _NS_PER_S,
            duration_s=(end_ns - before.at_ns) / _NS_PER_S,
            drained_after_s=(after.at_ns - before.at_ns) / _NS_PER_S,
            load=part.load,
            endpoints=measured.endpoints,
            completed=measured.completed,
            offered=(measured.recorded if part.load.is_open else 0) + played.unsent,
            unsent=played.unsent,
            pool_exhausted=played.pool_exhausted,
            dispatch_lag=measured.dispatch_lag,
            cpu_s=spent.cpu_s,
            steal_s=spent.steal_s,
            foreign_cpu_s=spent.foreign_cpu_s,
            wire_bytes=measured.wire_bytes,
            books=played.books,
            cpu_mhz=clock.mhz,
            throttled=clock.throttled,
            added_delay=self._distances.added_in(planned),
            findings=tuple(rule.name for broken, rule in doubts if broken),
            workers=workers,
            sent=measured.sent,
            mean_under_way=measured.under_way_ns / max(1, end_ns - part.start_ns),
        )

    def _shares(self, part: Part, played: Played, spent: Spent) -> tuple[WorkerShare, ...]:
        return tuple(
            WorkerShare(
                cpu=worker_cpu(self._order.placement, number),
                cpu_s=cpu_s,
                completed=did.completed,
                lead_s=(part.guard_ns - did.began_ns) / _NS_PER_S,
            )
            for number, (did, cpu_s) in enumerate(zip(played.workers, spent.workers_s, strict=True))
        )


def _rounds(slices: Sequence[PlannedSlice]) -> Iterator[list[PlannedSlice]]:
    for _key, group in groupby(slices, key=lambda planned: (planned.phase, planned.round)):
        yield list(group)

"""Every script, in a closed and in an open loop: what we recorded against what was stamped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import psutil

from loadtests.calibration.drive import Walked, a_phase, begin, finish, order_for
from loadtests.calibration.judging import GOAL, QUANTILES, failed, judged_count, judged_slice
from loadtests.calibration.rounds import over_rounds
from loadtests.calibration.scripted import ScriptedServer, Truth, scripted_server
from loadtests.calibration.scripts import SCRIPTS
from loadtests.calibration.truth import UnmatchedError, expected, overlapping
from loadtests.checks import is_disturbed
from loadtests.cpu_clock import cpu_ns_of_others
from loadtests.generator import start_generator
from loadtests.model import CalibrationCheck, Load, Phase, Placement, PlannedSlice, SliceRecord
from loadtests.placement import pin, usable_cpus

_SEED = 7
_POOL_USERS = 64
_WARM_UP_S = 0.3


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. One closed user for a server that answers at once: with more it, or
    the generator, would want a whole core."""

    scripts: tuple[str, ...] = tuple(SCRIPTS)
    closed_s: float = 5.0
    closed_users: int = 4
    open_s: float = 5.3
    rate_rps: float = 2_000.0
    guard_s: float = 0.2
    rounds: int = 5
    max_repeats: int = 10

    def phases(self) -> dict[str, Phase]:
        guard_s = self.guard_s
        return {
            "alone": a_phase("alone", Load("closed", users=1), self.closed_s, guard_s),
            "closed": a_phase(
                "closed", Load("closed", users=self.closed_users), self.closed_s, guard_s
            ),
            "open": a_phase("open", Load("poisson", rate_rps=self.rate_rps), self.open_s, guard_s),
        }

    def turns(self) -> list[tuple[str, str]]:
        closed = [("alone" if script == "none" else "closed", script) for script in self.scripts]
        opened = [("open", script) for script in self.scripts]
        return [*closed, *opened] * self.rounds


def measured_answers(plan: Plan, placement: Placement) -> list[CalibrationCheck]:
    """Raises MeasurementError when a server or the generator dies."""
    cpus = os.cpu_count() or 1
    return list(judge(*walk(plan, placement), len(usable_cpus()) or cpus, cpus))


def walk(plan: Plan, placement: Placement) -> tuple[Walked, dict[str, Truth]]:
    """The slices as recorded, and by script what its server stamped."""
    with ExitStack() as stack:
        generator = stack.enter_context(start_generator(_POOL_USERS))
        servers = {
            script: stack.enter_context(scripted_server(script, _SEED + number))
            for number, script in enumerate(plan.scripts)
        }
        for server in servers.values():
            pin(server.process.pid, placement.server_cpus)
        order = order_for(
            {script: server.address for script, server in servers.items()},
            tuple(plan.phases().values()),
            plan.turns(),
            pool_users=_POOL_USERS,
            placement=placement,
            seed=_SEED,
            warm_up_s=_WARM_UP_S,
            max_repeats=plan.max_repeats,
        )
        with _others_watched() as others_share:
            walked = finish(order, begin(generator, order, lambda: _check_alive(servers)))
        walked = replace(walked, others_share=others_share())
        return walked, {script: server.truth() for script, server in servers.items()}


def judge(
    walked: Walked, truths: Mapping[str, Truth], usable: int, cpus: int
) -> Iterator[CalibrationCheck]:
    """`usable`: the CPUs we may run on, of the machine's `cpus`."""
    yield from over_rounds(
        _doubted(check, walked.records[planned], cpus, walked.others_share)
        for planned in walked.order.slices
        for check in _judged(walked, planned, truths[planned.arm], usable)
    )
    at_once = sum(overlapping(truth, _POOL_USERS) for truth in truths.values())
    yield replace(
        judged_count("every user", 0, at_once, 0),
        quantity="two at once",
    )


def _judged(
    walked: Walked, planned: PlannedSlice, truth: Truth, usable: int
) -> Iterator[CalibrationCheck]:
    record = walked.records[planned]
    about = f"{'open' if record.load.is_open else 'closed'}, {planned.arm}"
    zero_ns = walked.order.run_started_ns
    try:
        wanted = expected(truth, planned, walked.phase(planned), record, zero_ns)
    except UnmatchedError as why:
        yield failed(about, "requests", GOAL, str(why))
        return
    yield from judged_slice(about, record, wanted, usable)


@contextmanager
def _others_watched() -> Iterator[Callable[[], float]]:
    """Yields what tells, afterwards, how much of a core other processes took."""
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    before, began_ns = cpu_ns_of_others(ours), time.monotonic_ns()
    share = 0.0
    yield lambda: share
    elapsed_ns = time.monotonic_ns() - began_ns
    after = cpu_ns_of_others(ours)
    share = sum(now_ns - before.get(pid, 0) for pid, now_ns in after.items()) / elapsed_ns


def _doubted(
    check: CalibrationCheck, record: SliceRecord, cpus: int, others_share: float
) -> CalibrationCheck:
    """What failed while others used the machine has failed, and says so: who holds a core for a
    thousandth of the time can make one request in a thousand wait."""
    tail = 1.0 - QUANTILES.get(check.quantity.rpartition(" ")[2], 0.0)
    if check.outcome == "fail" and others_share >= tail:
        reason = f"other processes held a core for {others_share:.2%} of the time"
        return replace(check, reason=reason)
    if check.outcome != "fail" or not is_disturbed([record], cpus):
        return check
    reason = "; ".join(filter(None, (check.reason, "other work took CPU meanwhile")))
    return replace(check, reason=reason)


def _check_alive(servers: Mapping[str, ScriptedServer]) -> None:
    for server in servers.values():
        server.check_alive()

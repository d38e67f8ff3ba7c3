"""Our generator and wrk as two tools of one kind: each looks at a standing arm for one slice.

Both send the same bytes over as many connections, each credential as likely as any other, and warm
the arm up right before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from loadtests.awake import own_pids
from loadtests.bench import wrk
from loadtests.bench.agreement import Seen
from loadtests.block import BlockPlan
from loadtests.checks import merged
from loadtests.generator import start_generator
from loadtests.http_messages import ME, Requests
from loadtests.messages import ArmTarget, Order
from loadtests.meters import Meters
from loadtests.model import CpuSeconds, SliceRecord
from loadtests.plan import plan_block
from loadtests.target import MeasurementError

SPARE_S = 30.0
# wrk knows whole seconds only.
WRK_WARM_UP_S = 1

# Looks at an arm once; the number is the slice's seed. Raises MeasurementError.
Tool = Callable[[BlockPlan, ArmTarget, int], Seen]


def ours(plan: BlockPlan, target: ArmTarget, seed: int) -> Seen:
    """The real path: a generator of its own, an order, a slice."""
    experiment = plan.experiment
    (phase,) = experiment.phases
    deadline_s = experiment.warm_up_s + phase.guard_s + phase.slice_s + SPARE_S
    with start_generator(experiment.pool_users) as generator:
        messages = generator.messages(_order(plan, target, seed), deadline_s, lambda: None)
        (record,) = [message.slice for message in messages if message.slice is not None]
    return seen_in(record)


def wrks(plan: BlockPlan, target: ArmTarget, seed: int) -> Seen:
    """One wrk, one thread, at the arm's only replica."""
    program = wrk.find()
    (replica,) = target.replicas
    built = Requests(replica.host, replica.port, target.carrier, target.cookie_name)
    requests = [built.me(minted.credential) for minted in target.credentials]
    (phase,) = plan.experiment.phases
    meters = Meters(target, _order(plan, target, seed))

    def run(duration_s: int) -> wrk.WrkResult:
        users, is_first = plan.experiment.pool_users, bool(plan.placement.generator_cpus)
        return wrk.run(
            program, replica.origin, requests, users, duration_s, seed, is_first=is_first
        )

    run(WRK_WARM_UP_S)
    before = meters.read()
    result = run(int(phase.slice_s))
    after = meters.read()
    spent, elapsed_s = after.since(before), (after.at_ns - before.at_ns) / 1e9
    core_s = _core_seconds(target.arm, spent.cpu_s)
    foreign_s = spent.foreign_cpu_s
    if foreign_s is not None:
        # To these meters wrk itself is a stranger.
        foreign_s = max(0.0, foreign_s - result.cpu_s)
    return Seen(
        throughput_rps=result.requests / result.duration_s,
        per_core_second=result.requests / core_s,
        servers_busy=core_s / result.duration_s,
        foreign_busy=_share(foreign_s, elapsed_s),
        client_cpu_us=1e6 * result.cpu_s / result.requests,
        latency_p50_ms=result.latency_p50_ms,
        latency_p99_ms=result.latency_p99_ms,
    )


def seen_in(record: SliceRecord) -> Seen:
    """A slice of GET /me alone; its service times are what wrk calls latency."""
    endpoint = record.endpoints.get(ME.name)
    if endpoint is None or endpoint.outcomes.keys() != {"200"}:
        outcomes = endpoint.outcomes if endpoint else {}
        raise MeasurementError(f"{record.arm}: {ME.name} ended {outcomes}, not all in 200")
    core_s = _core_seconds(record.arm, record.cpu_s)
    p50_ns, p99_ns = merged([endpoint.service]).quantiles_ns([0.5, 0.99])
    return Seen(
        throughput_rps=endpoint.outcomes["200"] / record.duration_s,
        per_core_second=record.completed / core_s,
        servers_busy=core_s / record.drained_after_s,
        foreign_busy=_share(record.foreign_cpu_s, record.drained_after_s),
        client_cpu_us=1e6 * (record.cpu_s.generator or 0.0) / record.completed,
        latency_p50_ms=(p50_ns or 0.0) / 1e6,
        latency_p99_ms=(p99_ns or 0.0) / 1e6,
    )


def _core_seconds(arm: str, spent: CpuSeconds) -> float:
    """Of servers and store together."""
    if spent.server is None or spent.store is None:
        raise MeasurementError(f"{arm}: the CPU of its servers or store cannot be read")
    return spent.server + spent.store


def _share(cpu_s: float | None, elapsed_s: float) -> float | None:
    return None if cpu_s is None else cpu_s / elapsed_s


def _order(plan: BlockPlan, target: ArmTarget, seed: int) -> Order:
    """One slice of one arm."""
    experiment = replace(
        plan.experiment,
        arms=(plan.experiment.arm(target.arm),),
        reference=target.arm,
        seed=seed,
    )
    return Order(
        experiment=experiment,
        slices=tuple(plan_block(experiment, 0)),
        targets=(target,),
        placement=plan.placement,
        run_started_ns=plan.run_started_ns,
        own_pids=own_pids(),
        admin_secret=plan.secrets.admin_secret,
        password=plan.secrets.password,
    )

"""One block: a fresh start of everything, verified, then walked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from loadtests import verify
from loadtests.awake import own_pids
from loadtests.generator import start_generator
from loadtests.messages import ArmTarget, Message, Order
from loadtests.model import (
    Arm,
    ArmFacts,
    BlockFacts,
    Experiment,
    Placement,
    Setting,
    StoreInfo,
)
from loadtests.placement import pin, usable_cpus
from loadtests.plan import plan_block, predicted_s
from loadtests.server_flags import ExperimentError
from loadtests.target import (
    RunningArm,
    RunSecrets,
    StrategyFacts,
    law_bounds_s,
    running_arms,
)
from loadtests.trial_plans import spare_user
from loadtests.trial_time import trials_end_ns

# A block that takes this much longer than predicted hangs.
DEADLINE_FACTOR = 4.0
DEADLINE_SPARE_S = 60.0
# A block's own replicas verify with this many good credentials each.
SAMPLE = 3


@dataclass(frozen=True, slots=True)
class Readied:
    """What a block knows before it measures."""

    facts: BlockFacts
    store: StoreInfo | None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What stays the same from block to block; `facts` by the arm's name."""

    experiment: Experiment
    facts: Mapping[str, StrategyFacts]
    placement: Placement
    secrets: RunSecrets
    run_started_ns: int

    def arms(self) -> dict[str, tuple[Arm, StrategyFacts]]:
        return {arm.name: (arm, self.facts[arm.name]) for arm in self.experiment.arms}


def measure_block(
    plan: BlockPlan, block: int, on_ready: Callable[[Readied], None]
) -> Iterator[Message]:
    """Messages as they come, of the arms that are possible. Raises MeasurementError when something
    dies, ConfigurationError when servers refuse their settings, credentials would expire within
    the block or no arm is possible.

    `on_ready` is told what was learnt before the first slice.
    """
    experiment = plan.experiment
    predicted_block_s = predicted_s(experiment, law_bounds_s(plan.facts)) / experiment.blocks
    end_ns = trials_end_ns(experiment, block, plan.run_started_ns, time.monotonic_ns())
    with (
        start_generator(experiment.pool_users, experiment.generators) as generator,
        running_arms(
            plan.arms(),
            server_settings(experiment),
            plan.secrets,
            through_proxies=experiment.has_distances,
        ) as arms,
    ):
        targets, facts = ready(plan, arms, predicted_block_s)
        experiment = _without_impossible(experiment, facts)
        store = next((arm.store.info for arm in arms.values() if arm.store is not None), None)
        on_ready(Readied(BlockFacts(block, facts), store))
        order = Order(
            experiment=experiment,
            slices=tuple(plan_block(experiment, block)),
            targets=targets,
            placement=plan.placement,
            run_started_ns=plan.run_started_ns,
            own_pids=own_pids(),
            admin_secret=plan.secrets.admin_secret,
            password=plan.secrets.password,
            trials_end_ns=end_ns,
        )
        deadline_s = DEADLINE_FACTOR * predicted_block_s
        with placed(plan.placement, arms):
            yield from generator.messages(
                order, deadline_s + DEADLINE_SPARE_S, lambda: _check_alive(arms)
            )


def server_settings(experiment: Experiment) -> dict[str, Setting]:
    """What the experiment asks for, with users enough for the population, every victim and
    a spare one."""
    rounds = sum(phase.rounds for phase in experiment.phases if phase.outage is not None)
    trials = rounds * experiment.groups
    users = spare_user(experiment) + 1 + trials * most_victims(experiment)
    return {**experiment.server, "users": users}


def most_victims(experiment: Experiment) -> int:
    """Of one trial of an outage; 0 where there is none."""
    outages = [phase.outage for phase in experiment.phases if phase.outage is not None]
    return max((outage.victims for outage in outages), default=0)


def ready(
    plan: BlockPlan, arms: Mapping[str, RunningArm], predicted_block_s: float
) -> tuple[tuple[ArmTarget, ...], dict[str, ArmFacts]]:
    """Verifies every replica and mints every population; raises as `measure_block` does."""
    targets, facts = [], {}
    for name, running in arms.items():
        readyz = verify.readiness(running.replicas[0].address)
        law, cookie_name = verify.law(readyz), readyz["cookie_name"]
        known = ArmFacts(
            law, None, needs_store=plan.facts[name].needs_store, key_kind=plan.facts[name].key_kind
        )
        try:
            minted, bytes_per_login = _mint(plan, running)
        except verify.DoesNotFitError as why:
            facts[name] = replace(known, impossible=str(why))
            continue
        facts[name] = replace(
            known,
            store_bytes_per_login=bytes_per_login,
            fixed_roles=_fixed_roles(plan, running),
        )
        verify.check_life(name, minted.shortest_life_s, predicted_block_s)
        verify.check_refreshes(name, plan.experiment.refreshing_phases(name), minted)
        sample = minted.credentials[:SAMPLE]
        for replica in running.replicas:
            verify.check_replica(
                replica.name, replica.address, running.arm.carrier, cookie_name, sample
            )
        targets.append(_target(running, cookie_name, minted, facts[name]))
    return tuple(targets), facts


def _mint(plan: BlockPlan, running: RunningArm) -> tuple[verify.Minted, float | None]:
    """The population's credentials, and by how many bytes each made the store grow."""
    # Before minting, so that a store that is gone is named.
    _used_memory_bytes(running)
    # The first login makes the store load scripts, which is no cost of the others.
    verify.mint(running.replicas[0].address, 1, plan.secrets.admin_secret)
    before = _used_memory_bytes(running)
    minted = verify.mint(
        running.replicas[0].address,
        plan.experiment.population,
        plan.secrets.admin_secret,
        state_bytes=running.arm.state_bytes,
    )
    after = _used_memory_bytes(running)
    if before is None or after is None:
        return minted, None
    return minted, (after - before) / len(minted.credentials)


def _used_memory_bytes(running: RunningArm) -> int | None:
    """None without a store; raises MeasurementError naming one that is gone."""
    return running.store.used_memory_bytes() if running.store else None


def _fixed_roles(plan: BlockPlan, running: RunningArm) -> str | None:
    """Why no role can be changed, asked only where trials would."""
    if not any(phase.trials for phase in plan.experiment.phases):
        return None
    user = spare_user(plan.experiment)
    return verify.fixed_roles(running.replicas[0].address, user, plan.secrets.admin_secret)


def _target(
    running: RunningArm, cookie_name: str, minted: verify.Minted, facts: ArmFacts
) -> ArmTarget:
    return ArmTarget(
        arm=running.arm.name,
        carrier=running.arm.carrier,
        cookie_name=cookie_name,
        replicas=tuple(replica.address for replica in running.replicas),
        store_pid=running.store.pid if running.store else None,
        store_url=running.store.url if running.store else None,
        credentials=minted.credentials,
        state_bytes=running.arm.state_bytes,
        proxy_pid=running.proxy.pid if running.proxy else None,
        proxy_control_port=running.proxy.control_port if running.proxy else None,
        law_bound_s=facts.law.bound_s,
        changes_roles=facts.fixed_roles is None,
    )


def _without_impossible(experiment: Experiment, facts: Mapping[str, ArmFacts]) -> Experiment:
    possible = tuple(arm for arm in experiment.arms if facts[arm.name].impossible is None)
    if not possible:
        why = facts[experiment.reference].impossible
        raise ExperimentError(f"arms: none of them is possible: {why}; allowed: at least one")
    return replace(experiment, arms=possible)


@contextmanager
def placed(placement: Placement, arms: Mapping[str, RunningArm]) -> Iterator[None]:
    """Everything started on any CPU; from here on each has its own. The generator pins itself."""
    for running in arms.values():
        for replica in running.replicas:
            pin(replica.process.pid, placement.server_cpus)
        if running.store is not None and running.store.pid is not None:
            pin(running.store.pid, placement.store_cpus)
        if running.proxy is not None:
            # Beside the generator: on the servers' core it would take what it measures.
            pin(running.proxy.pid, placement.generator_cpus)
    before = usable_cpus()
    pin(os.getpid(), placement.generator_cpus)
    try:
        yield
    finally:
        # The next block's servers would inherit the narrower choice and start slowly.
        pin(os.getpid(), before)


def _check_alive(arms: Mapping[str, RunningArm]) -> None:
    for running in arms.values():
        running.check_alive()

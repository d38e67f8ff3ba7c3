"""The same servers driven by our generator and by wrk: do both tell the same of the arms?

Slices of both tools and of every arm are interleaved, each round in an order of its own. Every arm
has one replica, as wrk drives one address.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product

from rich.console import Console
from rich.progress import track

from loadtests import target
from loadtests.bench import crosscheck_report, wrk
from loadtests.bench.agreement import Rounds, Seen
from loadtests.bench.tools import Tool, ours, wrks
from loadtests.block import BlockPlan, placed, ready
from loadtests.messages import ArmTarget
from loadtests.model import Arm, Experiment, Load, Phase, Setting
from loadtests.placement import place, usable_cpus
from loadtests.target import RunSecrets, running_arms

# The cost floor, the two ends of the argument, and a cache between them.
ARMS = ("none", "session_redis", "jwt_hs256", "session_nearcache")
REFERENCE = "session_redis"
ROUNDS = 6
SLICE_S = 2.0
CONNECTIONS = 32
# Few, and a cache that forgets none of them while they are asked for: else a tool that asks faster,
# or begins at another time since the cache was filled, would meet fewer misses.
POPULATION = 512
SETTINGS: Mapping[str, Mapping[str, Setting]] = {"session_nearcache": {"cache_ttl_s": 60.0}}
# What credentials that carry state hold from the start: our users have written carts by the time
# they are measured, wrk sends what was minted, and a server must have as much to decode for either.
STATE_BYTES = 64
# About what a slice takes in all; credentials must outlive every one of them.
SLICE_IN_ALL_S = 5.0
OURS, WRK = "ours", "wrk"


def main(console: Console, rounds: int = ROUNDS) -> int:
    """0: they agree; 1: they do not. Raises ConfigurationError where there is no wrk."""
    wrk.find()
    plan = a_plan(ARMS, SLICE_S)
    tools: Mapping[str, Tool] = {OURS: ours, WRK: wrks}
    takes_s = rounds * len(ARMS) * len(tools) * SLICE_IN_ALL_S
    with standing(plan, takes_s) as targets:
        turns = track(range(rounds), "rounds", console=console, transient=True)
        seen = look(plan, targets, tools, turns)
    return crosscheck_report.show(console, seen[OURS], seen[WRK], REFERENCE)


def look(
    plan: BlockPlan, targets: Sequence[ArmTarget], tools: Mapping[str, Tool], rounds: Iterable[int]
) -> dict[str, Rounds]:
    """By tool and arm, what each round showed."""
    seen: dict[str, dict[str, list[Seen]]] = {tool: defaultdict(list) for tool in tools}
    turns = list(product(tools, targets))
    for number in rounds:
        dice = random.Random(number)  # noqa: S311
        for tool, each in dice.sample(turns, len(turns)):
            seen[tool][each.arm].append(tools[tool](plan, each, number))
    return {tool: dict(by_arm) for tool, by_arm in seen.items()}


def a_plan(strategies: Sequence[str], slice_s: float, connections: int = CONNECTIONS) -> BlockPlan:
    """An arm a strategy, driven by `lookups` as fast as it can."""
    experiment = Experiment(
        name="crosscheck",
        question="Do two load generators tell the same?",
        seed=1,
        blocks=1,
        arms=tuple(
            Arm(
                *(strategy, strategy, 1, "bearer"),
                settings=SETTINGS.get(strategy, {}),
                state_bytes=STATE_BYTES,
            )
            for strategy in strategies
        ),
        reference=strategies[0],
        phases=(
            Phase(
                name="capacity",
                kind="capacity",
                scenario="lookups",
                load=Load("closed", users=connections),
                rounds=1,
                slice_s=slice_s,
                guard_s=0.5,
            ),
        ),
        population=POPULATION,
        pool_users=connections,
        request_timeout_s=5.0,
        warm_up_s=0.5,
        max_repeats=0,
    )
    return BlockPlan(
        experiment=experiment,
        facts={arm.name: target.describe(arm, {}) for arm in experiment.arms},
        # Either tool's one thread must be able to bring the servers to their limit.
        placement=place(usable_cpus(), max_server_cpus=1),
        secrets=RunSecrets.fresh(),
        run_started_ns=time.monotonic_ns(),
    )


@contextmanager
def standing(plan: BlockPlan, takes_s: float) -> Iterator[tuple[ArmTarget, ...]]:
    """Every arm started, verified and pinned, with credentials that outlive `takes_s`."""
    settings = {"users": plan.experiment.population}
    with running_arms(plan.arms(), settings, plan.secrets) as arms:
        targets, _facts = ready(plan, arms, takes_s)
        with placed(plan.placement, arms):
            yield targets

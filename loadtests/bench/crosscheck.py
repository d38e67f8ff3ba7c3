"""The same servers driven by our generator and by wrk: do both tell the same of the arms?

The arms take turns, each round in an order of its own, and at each arm both tools, one right after
the other: what a machine does meanwhile meets both. Every arm has one replica, as wrk drives one
address. Rounds are added until every interval is narrow enough to tell; where it lies counts for
nothing in that.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import track

from loadtests import target
from loadtests.bench import crosscheck_report, wrk
from loadtests.bench.agreement import Rounds, Seen, agreements
from loadtests.bench.tools import Tool, ours, wrks
from loadtests.block import BlockPlan, placed, ready
from loadtests.messages import ArmTarget
from loadtests.model import Arm, Experiment, Load, Phase, Setting
from loadtests.placement import place, usable_cpus
from loadtests.target import RunSecrets, running_arms

# The cost floor, the two ends of the argument, and a cache between them.
ARMS = ("none", "session_redis", "jwt_hs256", "session_nearcache")
REFERENCE = "session_redis"
LEAST_ROUNDS, MOST_ROUNDS = 6, 60
SLICE_S = 2.0
CONNECTIONS = 32
# Few, and a cache that forgets none of them while they are asked for: else a tool that asks faster,
# or begins at another time since the cache was filled, would meet fewer misses.
POPULATION = 512
SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "session_nearcache": {"cache_ttl_s": 60.0},
    # More than the most rounds take.
    "jwt_hs256": {"token_ttl_s": 3_600},
}
# What credentials that carry state hold from the start: our users have written carts by the time
# they are measured, wrk sends what was minted, and a server must have as much to decode for either.
STATE_BYTES = 64
# About what a slice takes in all.
SLICE_IN_ALL_S = 5.0
OURS, WRK = "ours", "wrk"


def main(console: Console, rounds: int | None = None) -> int:
    """`rounds`: so many; None: as many as it takes, within bounds.

    0: they agree; 1: they do not. Raises ConfigurationError where there is no wrk.
    """
    wrk.find()
    least, most = (rounds, rounds) if rounds else (LEAST_ROUNDS, MOST_ROUNDS)
    plan = a_plan(ARMS, SLICE_S)
    tools: Mapping[str, Tool] = {OURS: ours, WRK: wrks}

    def tells(seen: Mapping[str, Rounds]) -> bool:
        return len(seen[OURS][REFERENCE]) >= least and are_decided(seen)

    with standing(plan, takes_s(most)) as targets:
        turns = track(range(most), "rounds", console=console, transient=True)
        seen = look(plan, targets, tools, turns, tells)
    return crosscheck_report.show(console, seen[OURS], seen[WRK], REFERENCE)


def takes_s(rounds: int) -> float:
    """About how long so many rounds take; credentials must outlive them."""
    return rounds * len(ARMS) * len((OURS, WRK)) * SLICE_IN_ALL_S


def are_decided(seen: Mapping[str, Rounds]) -> bool:
    """Whether every interval is narrow enough to tell."""
    return all(each.is_decided for each in agreements(seen[OURS], seen[WRK], REFERENCE))


def look(
    plan: BlockPlan,
    targets: Sequence[ArmTarget],
    tools: Mapping[str, Tool],
    rounds: Iterable[int],
    is_enough: Callable[[Mapping[str, Rounds]], bool] = lambda _seen: False,
) -> dict[str, Rounds]:
    """By tool and arm, what each round showed; the last round is one after which it is enough."""
    seen: dict[str, dict[str, list[Seen]]] = {tool: defaultdict(list) for tool in tools}
    for number in rounds:
        dice = random.Random(number)  # noqa: S311
        for each in dice.sample(targets, len(targets)):
            for tool in dice.sample(sorted(tools), len(tools)):
                seen[tool][each.arm].append(tools[tool](plan, each, number))
        if is_enough(seen):
            break
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

"""One outage block: every arm, one store, and each phase's fault once a round, all arms at once or
one group after the other."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from loadtests import verify
from loadtests.awake import own_pids
from loadtests.block import (
    DEADLINE_FACTOR,
    DEADLINE_SPARE_S,
    SAMPLE,
    BlockPlan,
    Readied,
    most_victims,
    server_settings,
)
from loadtests.generator import Generator, start_generator
from loadtests.messages import ArmTarget, Message, Order
from loadtests.model import ArmFacts, BlockFacts, LawRecord, PlannedSlice
from loadtests.outage.actions import BusyWatch, Killing, run_fault
from loadtests.outage.course import Case, Course
from loadtests.outage.cues import Cue, TrialPlan, cue_line
from loadtests.outage.faults import FAULTS
from loadtests.outage.house import House, furnished
from loadtests.outage.judge import outage_record
from loadtests.outage.sightings import Sighted
from loadtests.outage.timeline import victims_life_s
from loadtests.plan import at_once, plan_block, predicted_s
from loadtests.target import MeasurementError, RunningArm

_NS_PER_S = 1_000_000_000
# Between the word that everybody stands and the begin: a cue's way, and a settling of what the
# new store brought about.
LEAD_S = 0.5
# What a server waits for its store, unless `[server] store_deadline_s` says otherwise.
USUAL_STORE_DEADLINE_S = 0.5


def measure_outages(
    plan: BlockPlan, block: int, on_ready: Callable[[Readied], None]
) -> Iterator[Message]:
    """As `measure_block`: messages as they come, a line an arm when a trial is over."""
    experiment = plan.experiment
    block_s = predicted_s(experiment) / experiment.blocks
    settings = server_settings(experiment)
    with (
        start_generator(experiment.pool_users) as generator,
        furnished(plan.arms(), settings, plan.secrets) as (house, arms),
    ):
        targets, facts = _ready(plan, house, arms)
        on_ready(Readied(BlockFacts(block, facts), replace(house.store.info, shared=True)))
        order = Order(
            experiment=experiment,
            slices=(),
            targets=targets,
            placement=plan.placement,
            run_started_ns=plan.run_started_ns,
            own_pids=own_pids(),
            admin_secret=plan.secrets.admin_secret,
            password=plan.secrets.password,
        )
        laws = {name: each.law for name, each in facts.items()}
        deadline_s = DEADLINE_FACTOR * block_s + DEADLINE_SPARE_S
        said = generator.messages(order, deadline_s, house.check_alive)
        _await_standing(said)
        for number, trial in enumerate(_trials(plan, block)):
            yield from _Trial(plan, trial, number, laws, house, generator).run(said)
        generator.say(cue_line(Cue(end=True)))


def _trials(plan: BlockPlan, block: int) -> list[list[PlannedSlice]]:
    """By phase, round and group; the turns within one mean nothing, as its arms go at once."""
    slices = plan_block(plan.experiment, block)
    rounds = groupby(slices, key=lambda s: (s.phase, s.round))
    return [trial for _, round_ in rounds for trial in at_once(plan.experiment, list(round_))]


def _ready(
    plan: BlockPlan, house: House, arms: Mapping[str, RunningArm]
) -> tuple[tuple[ArmTarget, ...], dict[str, ArmFacts]]:
    """Verifies every replica; credentials are minted before each trial. Raises as `ready` does."""
    house.await_ready()
    longest_s = max(p.outage.trial_s for p in plan.experiment.phases if p.outage is not None)
    targets, facts = [], {}
    for name, running in arms.items():
        readyz = verify.readiness(running.replicas[0].address)
        facts[name] = ArmFacts(verify.law(readyz), None)
        address, secret = running.replicas[0].address, plan.secrets.admin_secret
        minted = verify.mint(address, SAMPLE, secret)
        verify.check_life(name, minted.shortest_life_s, longest_s)
        for replica in running.replicas:
            verify.check_replica(
                replica.name,
                replica.address,
                running.arm.carrier,
                readyz["cookie_name"],
                minted.credentials,
            )
        targets.append(
            ArmTarget(
                arm=name,
                carrier=running.arm.carrier,
                cookie_name=readyz["cookie_name"],
                replicas=tuple(replica.address for replica in running.replicas),
            )
        )
    return tuple(targets), facts


class _Trial:
    """One trial of one fault, by the arms of `slices`."""

    def __init__(
        self,
        plan: BlockPlan,
        slices: list[PlannedSlice],
        number: int,
        laws: Mapping[str, LawRecord],
        house: House,
        generator: Generator,
    ) -> None:
        self._plan = plan
        self._slices = slices
        self._number = number
        self._laws = laws
        self._house = house
        self._generator = generator
        phase = plan.experiment.phase(slices[0].phase)
        assert phase.outage is not None
        self._phase, self._outage = phase, phase.outage

    def run(self, said: Iterator[Message]) -> Iterator[Message]:
        yield Message(starting=self._slices[0])
        self._house.new_store(FAULTS[self._outage.fault].appendfsync)
        self._generator.say(cue_line(Cue(trial=self._cue())))
        _await_standing(said)
        begin_ns = time.monotonic_ns() + int(LEAD_S * _NS_PER_S)
        self._generator.say(cue_line(Cue(begin_ns=begin_ns)))
        dice = random.Random(self._slices[0].seed)  # noqa: S311
        replicas = min(arm.replicas for arm in self._plan.experiment.arms)
        busy = BusyWatch()
        killing = Killing.drawn(dice, replicas, [planned.arm for planned in self._slices])
        course = run_fault(self._house, self._outage, begin_ns, killing)
        for seen in range(len(self._slices)):
            sighted = _next_sighted(said)
            if not seen:
                course = replace(course, busy_share=busy.share())
            yield Message(outage=outage_record(self._case(sighted, begin_ns, course), sighted))

    def _cue(self) -> TrialPlan:
        experiment, outage = self._plan.experiment, self._outage
        return TrialPlan(
            outage=outage,
            load=self._phase.load,
            seed=self._slices[0].seed,
            # Nobody is revoked twice, as what a replica remembers of it outlives a store.
            first_victim=experiment.population + self._number * most_victims(experiment),
            lives_s={s.arm: victims_life_s(outage, self._laws[s.arm]) for s in self._slices},
        )

    def _case(self, sighted: Sighted, begin_ns: int, course: Course) -> Case:
        experiment = self._plan.experiment
        planned = next(each for each in self._slices if each.arm == sighted.arm)
        return Case(
            planned=planned,
            trial=planned.block * self._phase.rounds + planned.round,
            arm=experiment.arm(sighted.arm),
            law=self._laws[sighted.arm],
            outage=self._outage,
            course=course,
            started_s=(begin_ns - self._plan.run_started_ns) / _NS_PER_S,
            deadline_s=float(experiment.server.get("store_deadline_s", USUAL_STORE_DEADLINE_S)),
            needs_store=self._plan.facts[sighted.arm].needs_store,
        )


def _await_standing(said: Iterator[Message]) -> None:
    if not next(said).stands:
        raise MeasurementError("the load generator spoke out of turn")


def _next_sighted(said: Iterator[Message]) -> Sighted:
    sighted = next(said).sighted
    if sighted is None:
        raise MeasurementError("the load generator spoke out of turn")
    return sighted

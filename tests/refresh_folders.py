"""Run folders of the refresh lab, as the runner would have left them; costs and luck are known."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtests import run_store
from loadtests.model import (
    ArmFacts,
    BlockFacts,
    Browsers,
    CpuSeconds,
    Experiment,
    LawRecord,
    Replay,
    RunRecord,
    SliceRecord,
    TabsRecord,
)
from tests.builders import a_phase, a_run, a_slice, an_arm, an_endpoint, an_experiment
from tests.lab_builders import a_browser, a_theft
from tests.run_folders import write_run_folder

# µs of CPU of a server: a GET /me by strategy, and a refresh; of a store a tenth of each.
CHECK_US = {"session_redis": 110.0, "jwt_hs256": 100.0, "jwt_refresh": 105.0}
REFRESH_US = 400.0
STORE_SHARE = 0.1
LIFE_S, LEEWAY_S = 3_600.0, 2.0
GRACES_S = (0.0, 1.0, 5.0, 10.0)
BROWSERS = Browsers(tabs=(2, 3, 4, 5), within_s=(0.05, 8.0), each=8, thefts=6)
LAW = LawRecord(LIFE_S + LEEWAY_S, "when the access token expires", "lives on", "as before")


def refresh_experiment(blocks: int = 5) -> Experiment:
    refreshing = tuple(
        an_arm(
            f"jwt_refresh-grace-{grace_s:g}" if grace_s else "jwt_refresh",
            strategy="jwt_refresh",
            settings={"access_ttl_s": LIFE_S, "clock_leeway_s": LEEWAY_S, "grace_s": grace_s},
        )
        for grace_s in GRACES_S
    )
    checked = ("session_redis", "session_redis#2", "jwt_hs256", "jwt_refresh")
    return an_experiment(
        name="refresh",
        blocks=blocks,
        arms=(*(an_arm(name) for name in checked[:3]), *refreshing),
        phases=(
            dataclasses.replace(
                a_phase("capacity"), name="me", scenario="lookups", arms=checked, rounds=2
            ),
            dataclasses.replace(
                a_phase("capacity"), name="refresh", scenario="refresh", arms=("jwt_refresh",)
            ),
            a_phase(
                "tabs", arms=tuple(arm.name for arm in refreshing), browsers=BROWSERS, rounds=1
            ),
        ),
    )


def refresh_run(blocks: int = 5) -> RunRecord:
    experiment = refresh_experiment(blocks)
    facts = {arm.name: ArmFacts(LAW, 300.0) for arm in experiment.arms}
    return a_run(experiment, blocks=tuple(BlockFacts(block, facts) for block in range(blocks)))


def refresh_slices(experiment: Experiment, noise: float = 0.01) -> Iterator[SliceRecord]:
    """A request costs `CHECK_US` or `REFRESH_US`, but for each slice's luck."""
    draw = random.Random(5)  # noqa: S311 — plausible numbers, no secret
    for block in range(experiment.blocks):
        for phase in experiment.phases:
            for number in range(phase.rounds):
                for arm in experiment.arms_in(phase):
                    planned = a_slice(block=block, phase=phase.name, round=number, arm=arm.name)
                    if phase.browsers is not None:
                        yield dataclasses.replace(planned, endpoints={}, completed=0)
                        continue
                    refreshes = phase.scenario == "refresh"
                    cost_us = REFRESH_US if refreshes else CHECK_US[arm.strategy]
                    yield _costing(planned, cost_us * draw.gauss(1, noise), refreshes=refreshes)


def _costing(planned: SliceRecord, cost_us: float, *, refreshes: bool) -> SliceRecord:
    server_s = planned.completed * cost_us / 1e6
    endpoint = "POST /refresh" if refreshes else "GET /me"
    return dataclasses.replace(
        planned,
        endpoints={endpoint: an_endpoint({"200": planned.completed})},
        duration_s=server_s / 0.97,
        cpu_s=CpuSeconds(server=server_s, store=STORE_SHARE * server_s, generator=server_s / 4),
    )


def browsers_of(experiment: Experiment) -> Iterator[TabsRecord]:
    """Every browser and theft, by a store that keeps its grace to the letter."""
    draw = random.Random(6)  # noqa: S311 — as above
    for block in range(experiment.blocks):
        for arm in experiment.arms_in(experiment.phase("tabs")):
            where = {"block": block, "arm": arm.name, "grace_s": arm.grace_s}
            for within_s in BROWSERS.within_s:
                for tabs in BROWSERS.tabs * BROWSERS.each:
                    moments_s = [draw.uniform(0, within_s) for _ in range(tabs)]
                    spread_s = max(moments_s) - min(moments_s)
                    yield a_browser(
                        **where,
                        tabs=tabs,
                        within_s=within_s,
                        spread_s=spread_s,
                        apart_low_s=max(0.0, spread_s - 0.002),
                        apart_high_s=spread_s + 0.002,
                        outcome="logged_out" if spread_s >= arm.grace_s else "kept",
                    )
            for _ in range(BROWSERS.thefts):
                yield a_theft(**where, thief=thief(arm.grace_s))


def thief(grace_s: float) -> tuple[Replay, ...]:
    """Taken once within the grace, where there is one, and refused 3 ms behind it."""
    within = (Replay(grace_s - 0.002, grace_s, accepted=True),) if grace_s else ()
    return (*within, Replay(grace_s + 0.001, grace_s + 0.003, accepted=False))


def write_refresh_folder(
    results: Path, *, blocks: int = 5, browsers: Sequence[TabsRecord] | None = None
) -> Path:
    run = refresh_run(blocks)
    slices = list(refresh_slices(run.experiment))
    folder = write_run_folder(results, run, slices=slices, trials=[])
    for line in browsers_of(run.experiment) if browsers is None else browsers:
        run_store.append_line(folder, run_store.TABS_FILE, run_store.tabs_line(line))
    return folder

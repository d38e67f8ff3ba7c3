from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.distances import (
    Crossover,
    crossing_ms,
    crossovers,
    ladder,
    needs_no_store,
    round_trip_ms,
    yardstick,
)
from analysis.reading import Reading, read
from analysis.report import write_report
from analysis.report.distance_tables import crossover_text
from tests.builders import PHASES, a_run, an_added_delay, an_arm, an_experiment, at_distances
from tests.run_folders import slices_of, write_run_folder

DISTANCES = at_distances(0.0, 0.0005, 0.002, 0.01)
EXPERIMENT = an_experiment(phases=(*PHASES[:1], *DISTANCES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run_folder(tmp_path_factory.mktemp("results"), a_run(EXPERIMENT))


@pytest.fixture(scope="module")
def afar(folder: Path) -> Reading:
    return read(folder)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(0.1, 1.0), (1.0, 2.0)], 0.0),
        ([(0.1, -2.0), (1.0, -1.0)], math.inf),
        ([(0.1, -1.0), (1.1, 1.0)], 0.6),
        ([(0.1, 0.0), (1.1, 1.0)], 0.1),
        ([(0.1, -1.0), (1.0, -0.5), (2.0, 0.5)], 1.5),
        # What is later once and then not is no crossing yet.
        ([(0.1, 1.0), (1.0, -1.0), (2.0, 1.0)], 1.5),
        ([(0.1, -1.0), (1.0, 1.0), (2.0, -1.0)], math.inf),
    ],
)
def test_a_look_up_loses_from_where_it_stays_later(
    points: list[tuple[float, float]], expected: float
) -> None:
    assert crossing_ms(points) == pytest.approx(expected)


@given(st.floats(0.01, 9.0), st.floats(0.1, 10.0))
def test_a_straight_line_is_crossed_where_it_crosses(at_ms: float, slope: float) -> None:
    points = [(trip, slope * (trip - at_ms)) for trip in (0.009, 0.5, 2.0, 9.5)]
    assert crossing_ms(points) == pytest.approx(at_ms)


def test_phases_alike_but_for_their_distance_are_a_ladder() -> None:
    assert [p.store_delay_s for p in ladder(EXPERIMENT, "latency")] == [0.0, 0.0005, 0.002, 0.01]
    assert {p.kind for p in ladder(EXPERIMENT, "users")} == {"users"}
    assert ladder(an_experiment(), "latency") == []
    other = dataclasses.replace(DISTANCES[1], name="journeys", scenario="journey")
    mixed = an_experiment(phases=(other, *DISTANCES))
    assert other not in ladder(mixed, "latency")


def test_the_reference_tells_how_far_the_store_is(afar: Reading) -> None:
    phases = ladder(EXPERIMENT, "latency")
    assert yardstick(afar, phases) == "session_redis"
    trips = [round_trip_ms(afar, phase, "session_redis") for phase in phases]
    assert [trip.mean for trip in trips if trip] == pytest.approx([0.12, 0.62, 2.12, 10.12])
    assert round_trip_ms(afar, phases[0], "jwt_hs256") is None


def test_another_arm_tells_it_where_the_reference_does_not_ask(tmp_path: Path) -> None:
    experiment = dataclasses.replace(EXPERIMENT, reference="jwt_hs256", blocks=1)
    reading = read(write_run_folder(tmp_path, a_run(experiment)))
    assert yardstick(reading, ladder(experiment, "latency")) == "session_redis"


def test_an_arm_that_asks_now_and_then_looks_nothing_up(tmp_path: Path) -> None:
    slices = [
        dataclasses.replace(each, added_delay=an_added_delay(0.0, round_trips=30))
        if each.added_delay
        else each
        for each in slices_of(EXPERIMENT)
    ]
    reading = read(write_run_folder(tmp_path, a_run(EXPERIMENT), slices=slices))
    assert list(crossovers(reading)) == []


def test_crossovers_are_had_block_by_block(afar: Reading) -> None:
    (found,) = crossovers(afar)
    assert (found.look_up, found.rival) == ("session_redis", "jwt_hs256")
    assert needs_no_store(afar, found.rival)
    assert not needs_no_store(afar, found.look_up)
    assert set(found.by_block) == set(range(5))
    # Here a look-up takes as long as a signature, and the round trip besides.
    assert found.at_once == 5
    assert crossover_text(found) == "always, already at 120 µs"


def crossover(*values_ms: float) -> Crossover:
    return Crossover("session_redis", "jwt_rs256", dict(enumerate(values_ms)), 0.12, 10.1)


@pytest.mark.parametrize(
    ("values_ms", "expected"),
    [
        ((0.2, 0.21, 0.19, 0.2, 0.2), "from 200 µs (95% interval 191–209 µs)"),
        ((0.0, 0.0), "always, already at 120 µs"),
        ((math.inf, math.inf), "never, up to 10.1 ms"),
        ((0.0, 0.2, 0.3), "always (from 120 µs) in 1 of 3 blocks, from 200–300 µs in 2 of 3"),
        ((math.inf, 0.2), "never (up to 10.1 ms) in 1 of 2 blocks, from 200 µs in 1 of 2"),
        ((0.3,), "from 300 µs"),
    ],
)
def test_what_is_said_of_a_crossover(values_ms: tuple[float, ...], expected: str) -> None:
    assert crossover_text(crossover(*values_ms)) == expected


def test_no_interval_is_given_where_some_blocks_do_not_cross() -> None:
    assert crossover(0.2, 0.3).interval_ms is not None
    assert crossover(0.2, 0.0).interval_ms is None
    assert crossover(0.2, math.inf).interval_ms is None


def test_the_report_says_from_where_look_ups_lose(folder: Path) -> None:
    written = write_report(folder)
    text = (folder / "report.md").read_text()
    assert any("jwt_hs256: always, already at 120 µs" in s for s in written.content.sentences)
    assert any("Requests per second of session_redis with 32 users" in s
               for s in written.content.sentences)  # fmt: skip
    assert [table.caption for table in written.content.distances] == [
        "How far the store was",
        "From which round trip on a look-up answers later",
        "CPU of a request by distance",
    ]
    for caption in ("Distance to the store", "How far the store was"):
        assert caption in text
    assert "at 1,000 req/s, store +0 (ms)" in text
    assert 'id="distances"' in (folder / "report.html").read_text()
    assert "charts/distance.svg" in text
    summary = json.loads((folder / "summary.json").read_text())
    (found,) = summary["crossovers"]
    assert found == {
        "look_up": "session_redis", "rival": "jwt_hs256", "value_ms": None, "low_ms": None,
        "high_ms": None, "nearest_ms": 0.12, "furthest_ms": 10.12, "blocks": 5, "always": 5,
        "never": 0,
    }  # fmt: skip


def test_a_run_without_distances_says_nothing_of_them(run_folder: Path) -> None:
    written = write_report(run_folder)
    assert written.content.distances == ()
    assert "Distance to the store" not in (run_folder / "report.md").read_text()


def test_arms_of_one_strategy_are_all_looked_at(tmp_path: Path) -> None:
    arms = (*EXPERIMENT.arms, an_arm("session-2", strategy="session_redis"))
    experiment = dataclasses.replace(EXPERIMENT, arms=arms, blocks=2)
    reading = read(write_run_folder(tmp_path, a_run(experiment)))
    pairs = [(each.look_up, each.rival) for each in crossovers(reading)]
    assert pairs == [("session_redis", "jwt_hs256"), ("session-2", "jwt_hs256")]

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.cells import Cell
from analysis.compare import comparisons_of, floors_of, pairs
from analysis.metrics import METRICS, named
from analysis.reading import Reading, read
from analysis.results import Result, results_of
from tests.builders import a_run, a_trial, an_arm, an_experiment
from tests.run_folders import write_run_folder

COSTS = {
    "none": [10.0, 10.0, 10.0, 10.0, 10.0],
    "session_redis": [100.0, 110.0, 90.0, 105.0, 95.0],
    "jwt_hs256": [200.0, 220.0, 180.0, 210.0, 190.0],
    "session_redis#2": [101.0, 110.0, 91.0, 105.0, 95.0],
}


def stored(reading: Reading, bytes_by_arm: dict[str, list[float]]) -> list[Result]:
    """Results of a metric whose block values are exactly those given."""
    cells = tuple(
        Cell(block, arm, store_bytes_per_login=value)
        for arm, values in bytes_by_arm.items()
        for block, value in enumerate(values)
    )
    metrics = named(["store_bytes_per_login"])
    return list(results_of(replace(reading, cells=cells), metrics))


def test_arms_are_paired_by_block(reading: Reading) -> None:
    results = stored(reading, COSTS)
    found = {
        (c.reference, c.candidate): c
        for c in comparisons_of(reading.experiment, results, floors_of(results))
    }
    doubled = found["session_redis", "jwt_hs256"]
    # Exactly twice in every block, whatever the blocks do among themselves.
    assert doubled.ratio == pytest.approx(2.0)
    assert doubled.high == pytest.approx(2.0)
    assert doubled.verdict == "slower"
    assert found["session_redis", "none"].verdict == "faster"


def test_the_floor_comes_from_the_control(reading: Reading) -> None:
    (floor,) = floors_of(stored(reading, COSTS))
    assert (floor.phase, floor.endpoint, floor.metric.name) == (None, None, "store_bytes_per_login")
    assert floor.value is not None
    assert 0.0 < floor.value < 0.02


def test_only_shared_blocks_are_paired(reading: Reading) -> None:
    results = stored(reading, {"session_redis": [1.0] * 5, "jwt_hs256": [2.0] * 3})
    (comparison,) = comparisons_of(reading.experiment, results, ())
    assert comparison.ratio == pytest.approx(2.0)
    assert (comparison.verdict, comparison.reason) == (
        "inconclusive",
        "3 blocks; a verdict needs 5; about 2 more blocks would settle it",
    )
    assert comparison.outlook.more_blocks == 2
    assert comparison.outlook.minimum_detectable_effect is None


def test_a_zero_has_no_ratio(reading: Reading) -> None:
    results = stored(reading, {"session_redis": [1.0] * 5, "jwt_hs256": [0.0] * 5})
    (comparison,) = comparisons_of(reading.experiment, results, ())
    assert comparison.ratio is None
    assert (comparison.verdict, comparison.reason) == (
        "inconclusive",
        "a value of zero has no ratio",
    )


def test_a_block_without_a_value_makes_the_result_null(reading: Reading) -> None:
    cells = (
        Cell(0, "jwt_hs256", store_bytes_per_login=5.0),
        Cell(1, "jwt_hs256", store_bytes_per_login=None),
    )
    (result,) = results_of(replace(reading, cells=cells), named(["store_bytes_per_login"]))
    assert result.value is None
    assert result.reason


def test_every_pair_once_and_the_reference_first() -> None:
    assert pairs(an_experiment()) == [
        ("session_redis", "none"),
        ("session_redis", "jwt_hs256"),
        ("none", "jwt_hs256"),
    ]


def test_the_cost_floor_is_no_rival() -> None:
    assert an_experiment().headline_pair() == ("session_redis", "jwt_hs256")
    assert an_experiment(reference="none").headline_pair() == ("session_redis", "jwt_hs256")
    two = an_experiment(arms=(an_arm("none"), an_arm("jwt_hs256")), reference="none")
    assert two.headline_pair() == ("none", "jwt_hs256")
    assert an_experiment(arms=(an_arm("none"),)).headline_pair() is None


def test_never_refused_is_null_and_cites_the_law(tmp_path: Path) -> None:
    trials = [a_trial(arm="none", lag_high_s=None, accepted_after_ack=9) for _ in range(4)]
    reading = read(write_run_folder(tmp_path, a_run(), slices=(), trials=trials))
    (result,) = results_of(reading, named(["revocation_lag_max_s"]))
    assert result.value is None
    assert result.reason == (
        "4 of 4 replica-trials never refused; its law: never: a user id is accepted for ever"
    )
    assert result.never_ends


def test_a_replica_that_only_failed_tells_nothing_of_the_lag(tmp_path: Path) -> None:
    silent = a_trial(lag_high_s=None, accepted_after_ack=0, replica=1)
    folder = write_run_folder(tmp_path, a_run(), slices=(), trials=[a_trial(), silent])
    (result,) = results_of(read(folder), named(["revocation_lag_max_s"]))
    assert result.value == a_trial().lag_high_s


def test_the_longest_lag_is_that_of_the_run(tmp_path: Path) -> None:
    trials = [a_trial(block=block, lag_high_s=lag) for block, lag in enumerate([0.1, 0.9, 0.2])]
    reading = read(write_run_folder(tmp_path, a_run(), slices=(), trials=trials))
    (result,) = results_of(reading, named(["revocation_lag_max_s"]))
    assert (result.value, result.low, result.high, result.blocks) == (0.9, None, None, 3)


def test_results_follow_the_plan(reading: Reading) -> None:
    metrics = [result.metric.name for result in results_of(reading, METRICS.values())]
    assert list(dict.fromkeys(metrics)) == list(METRICS)

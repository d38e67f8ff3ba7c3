from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.compare import Floor
from analysis.metrics import METRICS
from analysis.reading import read
from analysis.report.summary import Summary, summarise
from analysis.results import Result
from analysis.runs.changes import Change, changes_of, compare_runs
from analysis.runs.page import counted
from tests.builders import a_phase, a_run, an_arm, an_experiment
from tests.run_folders import write_run_folder

CORE = METRICS["requests_per_core_second"]
STEADY = (100.0, 101.0, 99.0, 100.0, 100.0)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    experiment = an_experiment(phases=(a_phase("capacity", rounds=1),))
    folder = write_run_folder(tmp_path_factory.mktemp("results"), a_run(experiment), requests=60)
    return summarise(read(folder))


def holding(
    summary: Summary,
    values: tuple[float, ...],
    *,
    reason: str | None = None,
    floor: float | None = None,
    resolution: float | None = None,
) -> Summary:
    """`summary` with a single result, and a single floor there."""
    result = Result(
        arm="none",
        phase="capacity",
        scenario="browse",
        endpoint=None,
        metric=CORE,
        value=None if reason else 1.0,
        low=None,
        high=None,
        blocks=len(values),
        reason=reason,
        by_block={} if reason else dict(enumerate(values)),
        resolution=resolution,
    )
    floors = (Floor("capacity", None, CORE, floor),)
    return replace(summary, results=(result,), floors=floors)


def only(before: Summary, after: Summary) -> Change:
    (change,) = changes_of(before, after)
    return change


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.0, "same within 2%"), (1.5, "faster"), (0.5, "slower"), (1.02, "inconclusive")],
)
def test_the_verdict_follows_the_interval(small: Summary, factor: float, verdict: str) -> None:
    after = holding(small, tuple(factor * value for value in STEADY))
    wide = (98.0, 104.0, 96.0, 101.0, 101.0)
    before = holding(small, wide if verdict == "inconclusive" else STEADY)
    assert only(before, after).verdict == verdict


def test_lags_within_a_spacing_of_probes_have_no_ratio_in_either_run(small: Summary) -> None:
    sized, unsized = holding(small, STEADY, resolution=0.5), holding(small, STEADY, resolution=1.0)
    assert only(sized, sized).ratio is not None
    for before, after, run in ((unsized, sized, "A"), (sized, unsized, "B")):
        change = only(before, after)
        assert (change.ratio, change.verdict) == (None, "inconclusive")
        assert change.reason == (
            f"in {run}: no longer than the spacing of the probes, so of unknown size"
        )


@pytest.mark.parametrize(
    ("floors", "larger"),
    [((0.01, 0.05), 0.05), ((0.05, 0.01), 0.05), ((None, 0.01), 0.01), ((None, None), None)],
)
def test_the_larger_floor_counts(
    small: Summary, floors: tuple[float | None, float | None], larger: float | None
) -> None:
    before, after = (holding(small, STEADY, floor=floor) for floor in floors)
    change = only(before, after)
    assert change.floor == larger
    if larger == 0.05:
        assert change.verdict == "same within 5.2%"


def test_blocks_need_no_partner(small: Summary) -> None:
    change = only(holding(small, STEADY), holding(small, (*STEADY, 100.0, 100.0)))
    assert change.ratio is not None
    assert change.ratio.blocks == 5
    assert change.ratio.mean == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            STEADY,
            STEADY[:3],
            "3 blocks; a verdict needs 5; about 2 more blocks would settle it",
        ),
        (STEADY[:1], STEADY, "1 block; a verdict needs 5"),
        (STEADY, (*STEADY[:4], 0.0), "a value of zero has no ratio"),
    ],
    ids=["few", "one", "zero"],
)
def test_what_cannot_be_decided_says_why(
    small: Summary, before: tuple[float, ...], after: tuple[float, ...], reason: str
) -> None:
    change = only(holding(small, before), holding(small, after))
    assert (change.verdict, change.reason) == ("inconclusive", reason)


def test_a_missing_value_names_its_run(small: Summary) -> None:
    missing = holding(small, STEADY, reason="no CPU time was spent")
    assert only(missing, holding(small, STEADY)).reason == "in A: no CPU time was spent"
    change = only(holding(small, STEADY), missing)
    assert change.reason == "in B: no CPU time was spent"
    assert change.ratio is None


def test_a_run_against_itself_changes_nothing(small: Summary) -> None:
    comparison = compare_runs(small, small)
    assert comparison.differences == ()
    assert (comparison.only_in_a, comparison.only_in_b) == ((), ())
    arms = [arm.name for arm in small.reading.experiment.arms]
    assert list(dict.fromkeys(c.before.arm for c in comparison.changes)) == arms
    compared = [result for result in small.results if result.metric.compared]
    assert len(comparison.changes) == len(compared)
    ratios = [change.ratio.mean for change in comparison.changes if change.ratio is not None]
    assert ratios
    assert all(math.isclose(ratio, 1) for ratio in ratios)
    verdicts = {change.verdict.partition(" ")[0] for change in comparison.changes}
    assert verdicts <= {"same", "inconclusive"}
    assert counted(comparison).startswith(f"Of {len(compared)} comparisons: 0 faster, 0 slower, ")


def test_an_arm_without_a_partner_is_named(small: Summary, tmp_path: Path) -> None:
    arms = (an_arm("none"), an_arm("jwt_cached"))
    experiment = an_experiment(arms=arms, reference="none", phases=(a_phase("capacity"),))
    other = summarise(read(write_run_folder(tmp_path, a_run(experiment), requests=60)))
    comparison = compare_runs(small, other)
    assert comparison.only_in_a == ("session_redis", "jwt_hs256", "session_redis#2")
    assert comparison.only_in_b == ("jwt_cached",)
    assert {change.before.arm for change in comparison.changes} == {"none"}

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.charts.slo import medians
from analysis.knees import Knee, Probe, knee_of
from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.report import write_report
from analysis.results import Result, results_of
from loadtests.model import SliceRecord
from tests.builders import COSTS, a_phase, a_run, a_slice, an_experiment
from tests.run_folders import a_probe, probes_of, write_run_folder

SLO = a_phase("slo")
EXPERIMENT = an_experiment(phases=(SLO,))
LUCK = {arm.name: 1.0 for arm in EXPERIMENT.arms}
RATE = (METRICS["slo_rate_rps"],)


def read_probes(results: Path, *slices: SliceRecord, blocks: int = 1) -> Reading:
    run = a_run(replace(EXPERIMENT, blocks=blocks))
    return read(write_run_folder(results, run, slices=slices, trials=()))


def rate_of(reading: Reading, arm: str) -> Result:
    return next(result for result in results_of(reading, RATE) if result.arm == arm)


def probe(rate_rps: float, p50_ms: float, number: int = 0, **changes: object) -> SliceRecord:
    planned = a_slice(phase="slo", arm="none", round=number)
    return replace(a_probe(planned, rate_rps, p50_ms, 300), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("arm", LUCK)
def test_the_rate_found_is_where_the_server_bends(tmp_path: Path, arm: str) -> None:
    """By its model in `probes_of`: p99 = 3.2 ms ÷ (1 − busy) about, so 20 ms is 84% busy."""
    reading = read_probes(tmp_path, *probes_of(EXPERIMENT, SLO, 0, LUCK))
    server_us, store_us, _ = COSTS[EXPERIMENT.arm(arm).strategy]
    result = rate_of(reading, arm)
    assert result.value == pytest.approx(0.84 * 1e6 / (server_us + store_us), rel=0.1)
    assert (result.blocks, result.reason) == (1, None)


def test_probes_are_judged_anew(tmp_path: Path) -> None:
    """A line that says nothing of it is missed all the same."""
    slices = [probe(2_000, 1.0), probe(2_050, 30.0, 1), probe(2_040, 1.0, 2, unsent=60)]
    (cell,) = (c for c in read_probes(tmp_path, *slices).cells if c.phase)
    assert [each.met for each in cell.probes] == [True, False, False]
    assert cell.knee == Knee(2_000, 2_040, is_narrow=True)


def test_a_repeated_probe_counts_once(tmp_path: Path) -> None:
    slices = [probe(2_000, 90.0), probe(2_000, 1.0, attempt=1), probe(2_050, 90.0, 1)]
    (cell,) = (c for c in read_probes(tmp_path, *slices).cells if c.phase)
    assert [each.met for each in cell.probes] == [True, False]
    assert cell.knee == Knee(2_000, 2_050, is_narrow=True)


@pytest.mark.parametrize(
    ("slices", "reason"),
    [
        ([probe(1_000, 90.0)], "block 0 met the limit at no rate, down to 1,000"),
        ([probe(40_000, 1.0)], "block 0 met the limit at every rate, up to 40,000"),
        (
            [probe(2_000, 1.0), probe(3_000, 90.0, 1)],
            "the search of block 0 ended early, between 2,000 and 3,000 req/s",
        ),
    ],
    ids=["none", "every", "early"],
)
def test_a_rate_that_was_not_found_says_why(
    tmp_path: Path, slices: list[SliceRecord], reason: str
) -> None:
    result = rate_of(read_probes(tmp_path, *slices), "none")
    assert (result.value, result.reason) == (None, reason)


def test_blocks_give_an_interval_around_their_geometric_mean(tmp_path: Path) -> None:
    slices = [
        replace(each, block=block)
        for block, rate_rps in enumerate([2_000, 2_420])
        for each in (probe(rate_rps, 1.0), probe(rate_rps * 1.04, 90.0, 1))
    ]
    result = rate_of(read_probes(tmp_path, *slices, blocks=2), "none")
    assert result.value == pytest.approx(2_200)
    assert result.low is not None
    assert result.high is not None
    assert result.low < 2_000
    assert result.high > 2_420


def test_other_phases_have_no_knee() -> None:
    assert knee_of([], SLO) is None
    assert Probe.of(a_slice(), a_phase("capacity")) is None


def test_the_report_says_the_rate_in_words_table_and_chart(tmp_path: Path) -> None:
    run = a_run(replace(EXPERIMENT, blocks=5))
    folder = write_run_folder(tmp_path, run)
    written = write_report(folder)
    (sentence,) = written.content.sentences
    assert sentence.startswith("With p99 of response time within 20 ms, jwt_hs256 takes 1."), (
        sentence
    )
    assert "the rate of session_redis (95% interval" in sentence
    assert written.content.key_results is not None
    assert "req/s with p99 ≤ 20 ms" in written.content.key_results.columns
    (table,) = written.content.results[:1]
    assert table.columns == ("arm", "highest rate within the limit (req/s)")
    assert any("at most 20 ms, to 5%" in note for note in table.notes)
    assert (folder / "charts" / "slo.svg").exists()


def test_a_curve_is_the_median_of_neighbours() -> None:
    probes = [Probe(rate, ms, met=True) for rate, ms in
              [(1_000, 1.0), (1_010, 9.0), (1_020, 2.0), (4_000, float("inf"))]]  # fmt: skip
    rates, values = medians(probes, top_ms=500.0)
    assert rates == pytest.approx([1_010, 4_000], rel=1e-3)
    assert values == [2.0, 500.0]

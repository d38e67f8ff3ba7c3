from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.metrics import METRICS
from analysis.reading import read
from analysis.report.content import content_of
from analysis.report.summary import summarise
from analysis.results import results_of
from analysis.stats import log_ratio_interval
from loadtests.metric_names import PER_ENDPOINT, POOLED
from loadtests.model import Length, Precision
from tests.builders import a_run, an_experiment
from tests.run_folders import write_run_folder

TERM = "jwt_hs256.capacity.requests_per_core_second"
OF_AN_ENDPOINT = "jwt_hs256.latency-1000.latency_p50_ms@GET /me"


def a_folder(tmp_path: Path, *terms: str, blocks: int = 6) -> Path:
    experiment = an_experiment(blocks=blocks, precision=Precision(0.03, 10.0, terms))
    return write_run_folder(tmp_path, a_run(experiment))


def test_half_of_the_very_interval_of_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_folder(tmp_path, TERM, OF_AN_ENDPOINT)
    assert main(["widths", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    values = {
        result.arm: list(result.by_block.values())
        for result in results_of(read(folder), [METRICS["requests_per_core_second"]])
    }
    interval = log_ratio_interval(values["session_redis"], values["jwt_hs256"])
    assert interval.high is not None
    assert told[TERM] == pytest.approx(interval.high - interval.mean, rel=0.02)
    assert told[OF_AN_ENDPOINT] > 0


def test_no_interval_is_no_width(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["widths", str(a_folder(tmp_path, TERM, blocks=1))])
    assert json.loads(capsys.readouterr().out) == {TERM: None}


def test_an_experiment_without_precision_is_asked_in_vain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["widths", str(write_run_folder(tmp_path))]) == 2
    assert "has no `precision`" in capsys.readouterr().err


def test_the_names_say_which_metrics_have_no_interval() -> None:
    assert {name for name, metric in METRICS.items() if metric.pooled} == POOLED
    assert {name for name, metric in METRICS.items() if metric.per_endpoint} == PER_ENDPOINT


@pytest.mark.parametrize(
    ("length", "says"),
    [
        (Length("precision", {TERM: 0.02}), "every comparison asked for is within ± 3%"),
        (Length("cap", {TERM: 0.05}), "not within ± 3% when the time was up"),
    ],
    ids=["precise", "capped"],
)
def test_the_report_says_how_a_run_ended(tmp_path: Path, length: Length, says: str) -> None:
    experiment = an_experiment(blocks=6, precision=Precision(0.03, 10.0, (TERM,)))
    run = dataclasses.replace(a_run(experiment), length=length)
    remarks = content_of(summarise(read(write_run_folder(tmp_path, run)))).remarks
    assert any(f"it ended after 6 blocks: {says}" in each for each in remarks)

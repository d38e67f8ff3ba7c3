"""The refresh lab's charts, tables and sentences, and that no other report has any of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from analysis.charts import Measured, NotAskedError, NothingToDrawError
from analysis.charts.refresh import refresh
from analysis.charts.tabs import tabs
from analysis.metrics import METRICS
from analysis.reading import read
from analysis.report import Written, write_report
from analysis.results import results_of
from tests.lab_builders import a_browser
from tests.refresh_folders import browsers_of, refresh_experiment, write_refresh_folder


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_report(write_refresh_folder(tmp_path_factory.mktemp("results")))


def measured_of(folder: Path) -> Measured:
    reading = read(folder)
    return Measured(reading, tuple(results_of(reading, METRICS.values())))


def texts(svg: str) -> str:
    return " ".join(re.findall(r"<!-- (.*?) -->", svg, flags=re.DOTALL))


def test_the_lives_chart_says_what_it_computes_and_from_what(reported: Written) -> None:
    drawn = texts((reported.page.parent / "charts" / "refresh.svg").read_text())
    for part in (
        "computed from the measured cost", "computed from the law", "refreshes of jwt_refresh",
        "1,111 req/s", "one GET /me a minute of session_redis", "7.533 min", "15.03 min",
    ):  # fmt: skip
        assert part in drawn
    assert "session_redis#2" not in drawn


def test_the_tabs_chart_has_a_panel_a_width_and_a_line_a_grace(reported: Written) -> None:
    drawn = texts((reported.page.parent / "charts" / "tabs.svg").read_text())
    for part in ("within 50 ms", "within 8 s", "no grace", "grace 1 s", "grace 5 s", "grace 10 s"):
        assert part in drawn


def test_sentences_say_the_cost_the_logouts_and_the_grace(reported: Written) -> None:
    cost, logouts, grace = reported.content.sentences[-3:]
    assert cost.startswith("A refresh of jwt_refresh costs 4")
    assert "computed from it" in cost
    assert "times a GET /me of session_redis" in cost
    assert "160 of 160 with no grace, 0 of 160 with a grace of 1 s" in logouts
    assert "within 50 ms" in logouts
    assert grace.startswith("None of ")


def test_a_broken_grace_is_said_first_of_all_graces(tmp_path: Path) -> None:
    lines = list(browsers_of(refresh_experiment(blocks=1)))
    lines.append(a_browser(arm="jwt_refresh", grace_s=0.0, outcome="kept", apart_low_s=0.4))
    written = write_report(write_refresh_folder(tmp_path, blocks=1, browsers=lines))
    assert "BROKEN" in written.content.sentences[-1]
    (row,) = (each for each in rows_of(written, "grace") if each["arm"] == "jwt_refresh")
    assert row["verdict"] == "BROKEN"


def test_tables_stand_in_both_reports(reported: Written) -> None:
    text = (reported.page.parent / "report.md").read_text()
    page = reported.page.read_text()
    assert '<section id="refresh">' in page
    for part in (
        "Computed: a million active users of jwt_refresh", "False logouts: browsers",
        "What the grace gives a thief", "holds (failure rate < ",
    ):  # fmt: skip
        assert part in text
        assert part.replace("<", "&lt;") in page
    assert "| 15 min | 1,111 req/s | " in text
    assert "40/40: 100% (91–100%)" in text


def test_the_summary_holds_every_number(reported: Written) -> None:
    (of_arm,) = rows_of(reported, "refresh")
    assert of_arm["arm"] == "jwt_refresh"
    assert [each["life_s"] for each in of_arm["computed"]] == [60.0, 300.0, 900.0, 3600.0]
    assert len(rows_of(reported, "false_logouts")) == 4 * 2 * 4
    assert {row["verdict"] for row in rows_of(reported, "grace")} == {"holds"}


def rows_of(written: Written, key: str) -> list[dict[str, Any]]:
    summary = json.loads((written.page.parent / "summary.json").read_text())
    return list(summary[key])


def test_other_reports_have_nothing_of_it(written: Written, measured: Measured) -> None:
    assert written.content.refresh == ()
    assert "Refresh" not in (written.page.parent / "report.md").read_text()
    assert not any("refresh" in remark for remark in written.content.remarks)
    for chart in (refresh, tabs):
        with pytest.raises(NotAskedError):
            chart.render(measured)
    assert [rows_of(written, key) for key in ("refresh", "false_logouts", "grace")] == [[], [], []]


def test_a_lab_that_measured_nothing_says_what_is_missing(tmp_path: Path) -> None:
    folder = write_refresh_folder(tmp_path, blocks=1, browsers=[])
    (folder / "slices.jsonl").write_text("")
    measured = measured_of(folder)
    for chart in (refresh, tabs):
        with pytest.raises(NothingToDrawError) as raised:
            chart.render(measured)
        assert not isinstance(raised.value, NotAskedError)

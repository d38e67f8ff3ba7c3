import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analysis.charts import CHARTS
from analysis.metrics import METRICS
from analysis.report import Written, write_report
from analysis.report.content import content_of
from analysis.report.html import as_html
from analysis.report.sentences import placement_sentence
from loadtests import run_store
from loadtests.model import CpuSeconds, Placement
from tests.builders import (
    a_finding,
    a_phase,
    a_run,
    a_slice,
    an_arm,
    an_experiment,
)
from tests.run_folders import write_run_folder

# What the experiment of these tests asks for nothing of.
ASKED = [chart for chart in CHARTS if chart.name not in {"refresh", "tabs"}]
FIELDS = {
    "": [
        "schema", "verdict", "findings", "arms", "results", "comparisons", "aa_floor", "gates",
        "crossovers",
        "frontier",
        "laws", "revocation_lags", "computed_lives",
        "refresh", "false_logouts", "grace",
    ],
    "findings": ["name", "severity", "arm", "phase", "message", "advice"],
    "results": [
        "arm", "phase", "scenario", "endpoint", "metric", "value", "low", "high", "unit", "blocks",
        "reason",
    ],
    "comparisons": [
        "phase", "scenario", "endpoint", "metric", "reference", "candidate", "ratio", "low", "high",
        "verdict", "reason", "minimum_detectable_effect", "more_blocks",
    ],
    "aa_floor": ["phase", "endpoint", "metric", "value"],
}  # fmt: skip

# This run has one distance to the store: as far as it is.
DRAWN = tuple(each for each in CHARTS if each.name not in {"distance", "refresh", "tabs"})
QUICK = an_experiment(blocks=1, phases=(a_phase("capacity", rounds=1),))


def summary_of(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return loaded


class Loads(HTMLParser):
    """Everything a page would fetch, and the tags it leaves open."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "data", "action", "srcset"}:
                self.sources.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def test_the_summary_has_the_fields_of_the_design(written: Written) -> None:
    summary = summary_of(written.page.parent)
    assert list(summary) == FIELDS[""]
    for part in ("results", "comparisons", "aa_floor"):
        assert summary[part]
        assert all(list(row) == FIELDS[part] for row in summary[part])
    assert list(summary["arms"]) == ["none", "session_redis", "jwt_hs256", "session_redis#2"]
    assert list(summary["arms"]["none"]) == [
        "strategy", "replicas", "carrier", "settings", "state_bytes", "impossible",
    ]  # fmt: skip
    assert {row["metric"] for row in summary["results"]} == set(METRICS)
    assert {row["arm"] for row in summary["results"]} == set(summary["arms"])


def test_a_missing_value_is_null_with_a_reason(written: Written) -> None:
    results = summary_of(written.page.parent)["results"]
    assert all((row["value"] is None) == bool(row["reason"]) for row in results)
    tails = [row for row in results if row["metric"] == "latency_p999_ms"]
    assert tails
    assert all("needs 10,000 in every block" in row["reason"] for row in tails)


def test_intervals_hold_their_values(written: Written) -> None:
    summary = summary_of(written.page.parent)
    rows = [(r, r["value"]) for r in summary["results"]]
    rows += [(c, c["ratio"]) for c in summary["comparisons"]]
    checked = [r["low"] <= middle <= r["high"] for r, middle in rows if r["low"] is not None]
    assert len(checked) > 100
    assert all(checked)


def test_the_table_is_the_summarys_results(written: Written) -> None:
    with (written.page.parent / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    results = summary_of(written.page.parent)["results"]
    assert len(rows) == len(results)
    assert list(rows[0]) == FIELDS["results"]
    assert float(rows[0]["value"]) == results[0]["value"]


def test_everything_is_written_and_nothing_half(written: Written) -> None:
    folder = written.page.parent
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    charts = {
        f"charts/{p.chart.name}.{kind}" for p in written.content.pictures for kind in ("svg", "png")
    }
    report = {"summary.json", "summary.csv", "report.md", "report.html"}
    recorded = {run_store.RUN_FILE, run_store.SLICES_FILE, run_store.REVOCATIONS_FILE}
    assert names == charts | report | recorded
    assert len(charts) == 2 * len(DRAWN)


def test_the_page_loads_nothing_from_anywhere(written: Written) -> None:
    page = written.page.read_text()
    loads = Loads()
    loads.feed(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert loads.sources
    assert all(source.startswith("#") for source in loads.sources)
    assert {source.removeprefix("#") for source in loads.sources} <= set(loads.ids)
    assert len(loads.ids) == len(set(loads.ids))


def test_the_verdict_stands_before_everything(written: Written) -> None:
    page = written.page.read_text()
    parts = ['class="stamp"', 'id="arms"', 'id="charts"', 'id="findings"', 'id="method"']
    places = [page.index(part) for part in [*parts, 'id="environment"']]
    assert places == sorted(places)
    assert page.count("<figure>") == page.count("<figcaption>") == len(DRAWN)
    assert "servers on CPU 0, stores on CPU 0, generator on CPU 1" in page[: places[1]]


def test_the_sentences_say_what_was_measured_and_what_was_not(written: Written) -> None:
    capacity, tail, within, laws, measured, computed = written.content.sentences
    assert within.startswith("With p99 of response time within 20 ms, jwt_hs256 takes 1.")
    assert re.match(
        r"Per core-second of servers and store, jwt_hs256 serves 1\.1\d+× the requests of "
        r"session_redis \(95% interval 1\.1\d+–1\.1\d+\): faster "
        r"\(a difference shows from \d\.\d\d%\)\.$",
        capacity,
    )
    assert tail.startswith("At 2,000 req/s, the p99 response time of jwt_hs256 to GET /me is ")
    # The control has its trials too.
    assert laws == (
        "Laws on trial: 3 of 3 hold, over 240 replica-trials; without any promise: “none”."
    )
    assert "at most 2 ms, the resolution (session_redis) and at most 2." in measured
    assert "15 min" not in measured
    assert computed.startswith("Computed from the law, not measured:")
    assert computed.endswith("up to 15 min.")


def test_markdown_says_the_same(written: Written) -> None:
    text = (written.page.parent / "report.md").read_text()
    assert all(sentence in text for sentence in written.content.sentences)
    assert text.index("**VALID**") < text.index("## Arms")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 50
    for name in re.findall(r"\]\((charts/[^)]*)\)", text):
        assert (written.page.parent / name).exists()


def test_names_cannot_break_the_page(written: Written) -> None:
    hostile = replace(written.content, question="<script>alert(1)</script> & more")
    assert "<script>alert" not in as_html(hostile)


@pytest.mark.parametrize(
    ("changes", "verdict", "names"),
    [
        ({}, "VALID", []),
        ({"findings": (a_finding("warning"),)}, "VALID", ["generator_busy"]),
        ({"findings": (a_finding("invalid"),)}, "INVALID", ["generator_busy"]),
        ({"status": "interrupted"}, "INVALID", ["unfinished"]),
        ({"status": "running", "blocks": ()}, "INVALID", ["unfinished"]),
    ],
)
def test_the_verdict(
    tmp_path: Path, changes: dict[str, Any], verdict: str, names: list[str]
) -> None:
    written = write_report(
        write_run_folder(tmp_path, a_run(QUICK, **changes), slices=(), trials=())
    )
    summary = summary_of(written.page.parent)
    assert summary["verdict"] == verdict
    assert [finding["name"] for finding in summary["findings"]] == names
    assert all(list(finding) == FIELDS["findings"] for finding in summary["findings"])
    assert f'<p class="stamp">{verdict}</p>' in written.page.read_text()
    assert written.content.sentences[:1] != () or verdict == "VALID"


def test_an_invalid_run_says_so_before_its_numbers(tmp_path: Path) -> None:
    run = a_run(QUICK, findings=(a_finding("invalid", arm="jwt_hs256", phase="capacity"),))
    written = write_report(write_run_folder(tmp_path, run))
    first = written.content.sentences[0]
    assert first == ("Do not quote these numbers (generator_busy): the generator was 88% busy.")
    assert "give it a core of its own" in (written.page.parent / "report.md").read_text()


def test_a_truncated_line_is_a_warning(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, a_run(QUICK))
    path = folder / run_store.SLICES_FILE
    path.write_bytes(path.read_bytes()[:-100])
    summary = write_report(folder).summary
    assert [finding.name for finding in summary.findings] == ["unreadable_lines"]
    assert summary.verdict == "VALID"
    assert summary.results


def test_charts_left_out_and_repeats_are_told(tmp_path: Path) -> None:
    slices = [a_slice(arm=arm, attempt=n) for n in (0, 1) for arm in ("session_redis", "jwt_hs256")]
    written = write_report(write_run_folder(tmp_path, a_run(QUICK), slices=slices, trials=()))
    assert written.content.remarks[0].startswith("Not calibrated on this machine")
    assert written.content.remarks[1].startswith("1 round was repeated")
    assert [remark.split(":")[0] for remark in written.content.remarks[2:]] == [
        "Chart left out, Requests per core-second by revocation lag",
        "Chart left out, Added p99 by revocation lag",
        "Chart left out, Response time by percentile",
        "Chart left out, Response time and throughput by distance to the store",
        "Chart left out, Response time by offered rate, and the highest rate within the limit",
        "Chart left out, Throughput of every slice, over the run",
        "Chart left out, Revocation lag",
    ]
    assert all(remark in written.page.read_text() for remark in written.content.remarks)


def test_cpu_that_cannot_be_read_is_no_zero(tmp_path: Path) -> None:
    unread = CpuSeconds(server=None, store=None, generator=None)
    slices = [a_slice(arm=arm, cpu_s=unread) for arm in ("session_redis", "jwt_hs256")]
    written = write_report(write_run_folder(tmp_path, a_run(QUICK), slices=slices, trials=()))
    assert written.content.sentences[0].startswith(
        "Requests per core-second could not be compared: session_redis: the CPU time"
    )


def test_one_arm_alone_is_reported_without_sentences(tmp_path: Path) -> None:
    experiment = an_experiment(blocks=1, arms=(an_arm("none"),), phases=QUICK.phases)
    written = write_report(write_run_folder(tmp_path, a_run(experiment)))
    assert written.content.sentences == ()
    assert written.content.comparisons == ()
    assert content_of(written.summary).results


def test_unpinned_placement_is_said() -> None:
    assert placement_sentence(Placement((), (), ())) == "Nothing was pinned to a CPU."
    assert "servers on CPU 2, 3" in placement_sentence(Placement((2, 3), (0,), (1,)))

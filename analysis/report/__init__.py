"""Writes a run's report beside its data: summary.json, summary.csv, report.md, report.html, the
charts, and outages.csv where there were outages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.reading import read
from analysis.report.content import Content, content_of
from analysis.report.html import as_html
from analysis.report.markdown import as_markdown
from analysis.report.outage_rows import OUTAGES_CSV, outages_csv
from analysis.report.summary import Summary, as_csv, as_json, summarise
from loadtests.run_store import write_atomically

REPORT_FILE = "report.html"
CHARTS_FOLDER = "charts"


@dataclass(frozen=True, slots=True)
class Written:
    """A report that stands in its folder: what it says, and where the page is."""

    summary: Summary
    content: Content
    page: Path


def write_report(folder: Path, gates: Sequence[str] = ()) -> Written:
    """Reads the run in `folder` and writes its report there, each file in one step.

    `gates` are judged beside the experiment's own. Raises ConfigurationError, with nothing
    written, when `folder` is no run or a gate is none.
    """
    summary = summarise(read(folder), gates)
    content = content_of(summary)
    (folder / CHARTS_FOLDER).mkdir(exist_ok=True)
    for picture in content.every_picture:
        write_drawing(folder / CHARTS_FOLDER, picture.chart.name, picture.svg, picture.png)
    write_atomically(folder / "summary.json", as_json(summary))
    write_atomically(folder / "summary.csv", as_csv(summary))
    if summary.outages:
        write_atomically(folder / OUTAGES_CSV, outages_csv(summary.outages))
    write_atomically(folder / "report.md", as_markdown(content))
    write_atomically(folder / REPORT_FILE, as_html(content))
    return Written(summary, content, folder / REPORT_FILE)


def write_drawing(charts: Path, name: str, svg: str, png: bytes) -> None:
    """Both files of a chart, each in one step."""
    write_atomically(charts / f"{name}.svg", svg)
    beside = charts / f".{name}.png.tmp"
    beside.write_bytes(png)
    beside.replace(charts / f"{name}.png")

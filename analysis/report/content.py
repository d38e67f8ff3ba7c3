"""The report before it is drawn: the parts that Markdown and HTML share, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.charts import CHARTS, Measured, NotAskedError, NothingToDrawError, Picture
from analysis.charts.frontier import frontier
from analysis.report.calibration import calibration_sentences
from analysis.report.comparison_tables import comparison_tables
from analysis.report.distance_tables import distance_sentences, distance_tables
from analysis.report.frontier_part import FrontierPart, frontier_part
from analysis.report.gate_table import gate_table
from analysis.report.law_table import law_table
from analysis.report.method import METHOD
from analysis.report.numbers_tables import key_table, result_tables
from analysis.report.refresh_sentences import refresh_sentences
from analysis.report.refresh_tables import refresh_tables
from analysis.report.revocation_tables import revocation_tables
from analysis.report.sentences import placement_sentence, sentences
from analysis.report.summary import RunVerdict, Summary
from analysis.report.tables import Table, arms_table, environment_table
from loadtests.model import Finding, RunRecord


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a reader sees, top to bottom."""

    title: str
    question: str
    verdict: RunVerdict
    sentences: tuple[str, ...]
    placement: str
    remarks: tuple[str, ...]
    gates: Table | None
    frontier: FrontierPart | None
    arms: Table
    key_results: Table | None
    distances: tuple[Table, ...]
    laws: Table | None
    revocations: tuple[Table, ...]
    refresh: tuple[Table, ...]
    results: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    comparisons: tuple[Table, ...]
    findings: tuple[Finding, ...]
    method: tuple[str, ...]
    environment: Table

    @property
    def frontier_picture(self) -> Picture | None:
        """What stands in the frontier's own section."""
        drawn = (picture for picture in self.pictures if picture.chart is frontier)
        return next(drawn, None) if self.frontier else None

    @property
    def other_pictures(self) -> tuple[Picture, ...]:
        return tuple(p for p in self.pictures if p is not self.frontier_picture)


def content_of(summary: Summary) -> Content:
    experiment = summary.reading.experiment
    pictures, left_out = _pictures(summary)
    return Content(
        title=f"authbench: {experiment.name}",
        question=experiment.question,
        verdict=summary.verdict,
        sentences=(
            *_doubts(summary),
            *sentences(summary),
            *distance_sentences(summary),
            *refresh_sentences(summary),
        ),
        placement=placement_sentence(summary.reading.run.placement),
        remarks=(
            *calibration_sentences(summary.reading.run),
            *_length(summary.reading.run),
            *_repeats(summary),
            *left_out,
        ),
        gates=gate_table(summary.gates),
        frontier=frontier_part(summary),
        arms=arms_table(summary),
        key_results=key_table(summary),
        distances=distance_tables(summary),
        laws=law_table(summary),
        revocations=tuple(revocation_tables(summary)),
        refresh=tuple(refresh_tables(summary)),
        results=tuple(result_tables(summary)),
        pictures=pictures,
        comparisons=tuple(comparison_tables(summary)),
        findings=summary.findings,
        method=METHOD,
        environment=environment_table(summary),
    )


def _doubts(summary: Summary) -> tuple[str, ...]:
    """Why an INVALID run is one, said before anything it measured."""
    broken = [finding for finding in summary.findings if finding.severity == "invalid"]
    if not broken:
        return ()
    names = ", ".join(dict.fromkeys(finding.name for finding in broken))
    return (f"Do not quote these numbers ({names}): {broken[0].message}.",)


def _length(run: RunRecord) -> tuple[str, ...]:
    if run.length is None or run.experiment.precision is None:
        return ()
    sentence = run.length.sentence(run.experiment.precision.half_width)
    return (f"Measured until it was precise enough, {len(run.blocks)} blocks: {sentence}.",)


def _repeats(summary: Summary) -> tuple[str, ...]:
    repeated = summary.reading.repeated_rounds
    if not repeated:
        return ()
    times = "1 round was" if repeated == 1 else f"{repeated} rounds were"
    return (f"{times} repeated, the machine being disturbed; only the last attempt counts.",)


def _pictures(summary: Summary) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    measured = Measured(summary.reading, summary.results)
    pictures: list[Picture] = []
    left_out: list[str] = []
    for chart in CHARTS:
        try:
            pictures.append(chart.render(measured))
        except NotAskedError:
            continue
        except NothingToDrawError as why:
            left_out.append(f"Chart left out, {chart.title}: {why}.")
    return tuple(pictures), tuple(left_out)

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
from analysis.report.method import GENERAL, METHOD
from analysis.report.numbers_tables import key_table, result_tables
from analysis.report.outage_section import OUTAGE_METHOD, OutageSection, outage_section
from analysis.report.outage_sentences import outage_sentences
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
    outages: OutageSection | None
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

    @property
    def every_picture(self) -> tuple[Picture, ...]:
        return (*self.pictures, *(self.outages.pictures if self.outages else ()))


def content_of(summary: Summary) -> Content:
    experiment = summary.reading.experiment
    pictures, left_out = _pictures(summary)
    outages, outages_left_out = outage_section(summary)
    return Content(
        title=f"authbench: {experiment.name}",
        question=experiment.question,
        verdict=summary.verdict,
        sentences=(
            *_doubts(summary),
            *sentences(summary),
            *distance_sentences(summary),
            *refresh_sentences(summary),
            *outage_sentences(summary),
        ),
        placement=placement_sentence(summary.reading.run.placement),
        remarks=(
            *calibration_sentences(summary.reading.run),
            *_length(summary.reading.run),
            *_repeats(summary),
            *left_out,
            *outages_left_out,
        ),
        gates=gate_table(summary.gates),
        frontier=frontier_part(summary),
        arms=arms_table(summary),
        key_results=None if summary.only_outages else key_table(summary),
        distances=distance_tables(summary),
        laws=law_table(summary),
        revocations=tuple(revocation_tables(summary)),
        refresh=tuple(refresh_tables(summary)),
        results=tuple(result_tables(summary)) if _has_results(summary) else (),
        pictures=pictures,
        comparisons=tuple(comparison_tables(summary)),
        outages=outages,
        findings=summary.findings,
        method=_method(summary),
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
    return (f"Asked to be precise, it ended after {len(run.blocks)} blocks: {sentence}.",)


def _repeats(summary: Summary) -> tuple[str, ...]:
    repeated = summary.reading.repeated_rounds
    if not repeated:
        return ()
    times = "1 round was" if repeated == 1 else f"{repeated} rounds were"
    return (f"{times} repeated, the machine being disturbed; only the last attempt counts.",)


def _has_results(summary: Summary) -> bool:
    """Where only outages were asked for, what could not be known beside them is no result."""
    return not summary.only_outages or any(r.value is not None for r in summary.results)


def _method(summary: Summary) -> tuple[str, ...]:
    if summary.only_outages:
        return (*GENERAL, *OUTAGE_METHOD)
    return (*METHOD, *(OUTAGE_METHOD if summary.outages else ()))


def _pictures(summary: Summary) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    measured = Measured(summary.reading, summary.results)
    pictures: list[Picture] = []
    left_out: list[str] = []
    for chart in () if summary.only_outages else CHARTS:
        try:
            pictures.append(chart.render(measured))
        except NotAskedError:
            continue
        except NothingToDrawError as why:
            left_out.append(f"Chart left out, {chart.title}: {why}.")
    return tuple(pictures), tuple(left_out)

"""The report's part on outages."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.charts import OUTAGE_CHARTS, Measured, NothingToDrawError, Picture
from analysis.report.outage_tables import FULL_TABLES, full_tables, outage_tables, revokes_table
from analysis.report.summary import Summary
from analysis.report.tables import Table

OUTAGE_METHOD = (
    "In a trial one fault meets all arms at once (where the experiment has `groups`, those of one "
    "group): good users browse at a steady open-loop rate, victims are revoked before and during "
    "the fault, and their credentials are tried to the end.",
    "A false accept is a request let in though sent later than the acknowledgement of its revoke. "
    "The law allows it up to the law's bound, or to the end of the victim's credential, which is "
    "short where only expiry ends it; later it is against the law. A false reject is a 401 to a "
    "good user that no law announces.",
    "Outcomes are counted by due time in bins; of the trials the median and the range are given, "
    "or the worst, for they are too few for an interval.",
)


@dataclass(frozen=True, slots=True)
class OutageSection:
    """Charts, the tables to read, and the folded ones that hold every number, with an `aid` to
    reading those."""

    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]
    details: tuple[Table, ...]
    aid: str = FULL_TABLES


def outage_section(summary: Summary) -> tuple[OutageSection | None, tuple[str, ...]]:
    """None in a run without outages; and why charts were left out."""
    if not summary.outages:
        return None, ()
    measured = Measured(summary.reading, summary.results)
    pictures: list[Picture] = []
    left_out: list[str] = []
    for chart in OUTAGE_CHARTS:
        try:
            pictures.append(chart.render(measured))
        except NothingToDrawError as why:
            left_out.append(f"Chart left out, {chart.title}: {why}.")
    revokes = revokes_table(summary)
    tables = (*outage_tables(summary), *(() if revokes is None else (revokes,)))
    section = OutageSection(tuple(pictures), tables, tuple(full_tables(summary)))
    return section, tuple(left_out)

"""report.md: the report where only text is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from analysis.charts import Picture
from analysis.report.content import Content
from analysis.report.outage_section import OutageSection
from analysis.report.tables import Table
from loadtests.model import Finding

INTERVALS = "Means over blocks, with their 95% intervals."


def as_markdown(content: Content) -> str:
    return "\n".join(_lines(content)) + "\n"


def finding_line(finding: Finding) -> str:
    """`invalid: name (arm, phase): message. Advice: …`"""
    where = ", ".join(part for part in (finding.arm, finding.phase) if part)
    about = f"{finding.name} ({where})" if where else finding.name
    return f"**{finding.severity}**: {about}: {finding.message}. Advice: {finding.advice}."


def _lines(content: Content) -> Iterator[str]:
    yield from (f"# {content.title}", "", content.question, "")
    yield from (f"**{content.verdict}**", "", *bullets(content.sentences), "")
    yield from (content.placement, "", *bullets(content.remarks), "")
    if content.gates is not None:
        yield from ("## Gates", "", *table_lines(content.gates))
    yield from _frontier(content)
    yield from ("## Arms", "", *table_lines(content.arms))
    if content.key_results is not None:
        yield from ("## Results", "", INTERVALS, "", *table_lines(content.key_results))
    yield from _headed(("## Distance to the store", ""), map(table_lines, content.distances))
    laws = () if content.laws is None else (content.laws,)
    revocation = (*laws, *content.revocations)
    yield from _headed(("## Revocation", ""), map(table_lines, revocation))
    yield from _headed(("## Refresh", ""), map(table_lines, content.refresh))
    if content.outages is not None:
        yield from _outages(content.outages)
    yield from _headed(("## Charts", ""), map(_picture, content.pictures))
    yield from _headed(("## Comparisons", ""), map(table_lines, content.comparisons))
    yield from _headed(("## Every result", "", INTERVALS, ""), map(table_lines, content.results))
    findings = [finding_line(finding) for finding in content.findings] or ["None."]
    yield from ("## Findings", "", *bullets(findings), "")
    yield from ("## Method", "", *bullets(content.method), "")
    yield from ("## Environment", "", *table_lines(content.environment))


def table_lines(table: Table) -> Iterator[str]:
    """A Markdown table under a heading, with an empty line at its end."""
    yield from (f"### {table.caption}", "")
    yield _row(table.columns)
    yield _row("---" for _ in table.columns)
    yield from (_row(row) for row in table.rows)
    yield ""
    if table.notes:
        yield from (*bullets(table.notes), "")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def bullets(lines: Iterable[str]) -> Iterator[str]:
    return (f"- {line}" for line in lines)


def _frontier(content: Content) -> Iterator[str]:
    if content.frontier is None:
        return
    yield from ("## Frontier", "", content.frontier.sentence, "")
    yield from table_lines(content.frontier.table)
    if content.frontier.remarks:
        yield from (*bullets(content.frontier.remarks), "")


def _headed(heading: Iterable[str], parts: Iterable[Iterable[str]]) -> Iterator[str]:
    """Nothing where there is nothing to head."""
    lines = list(chain.from_iterable(parts))
    if lines:
        yield from (*heading, *lines)


def _outages(section: OutageSection) -> Iterator[str]:
    yield from ("## Outages", "")
    for picture in section.pictures:
        yield from _picture(picture)
    for table in section.tables:
        yield from table_lines(table)
    yield from (section.aid, "")
    for table in section.details:
        yield from table_lines(table)


def _picture(picture: Picture) -> Iterator[str]:
    chart = picture.chart
    yield from (f"### {chart.title}", "", f"![{chart.title}](charts/{chart.name}.svg)", "")
    yield from (chart.caption, "")

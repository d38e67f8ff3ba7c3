"""report.md: the report where only text is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analysis.charts import Picture
from analysis.report.content import Content
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
    yield from _section("Distance to the store", content.distances)
    laws = () if content.laws is None else (content.laws,)
    yield from _section("Revocation", (*laws, *content.revocations))
    yield from _section("Refresh", content.refresh)
    yield from ("## Charts", "")
    for picture in content.pictures:
        yield from _picture(picture)
    yield from ("## Comparisons", "")
    for table in content.comparisons:
        yield from table_lines(table)
    yield from ("## Every result", "", INTERVALS, "")
    for table in content.results:
        yield from table_lines(table)
    findings = [finding_line(finding) for finding in content.findings] or ["None."]
    yield from ("## Findings", "", *bullets(findings), "")
    yield from ("## Method", "", *bullets(content.method), "")
    yield from ("## Environment", "", *table_lines(content.environment))


def _section(title: str, tables: Sequence[Table]) -> Iterator[str]:
    """Nothing where there are no tables."""
    if tables:
        yield from (f"## {title}", "")
    for table in tables:
        yield from table_lines(table)


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


def _picture(picture: Picture) -> Iterator[str]:
    chart = picture.chart
    yield from (f"### {chart.title}", "", f"![{chart.title}](charts/{chart.name}.svg)", "")
    yield from (chart.caption, "")

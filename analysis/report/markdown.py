"""report.md: the report where only text is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    yield from (f"**{content.verdict}**", "", *_bullets(content.sentences), "")
    yield from (content.placement, "", *_bullets(content.remarks), "")
    yield from ("## Arms", "", *_table(content.arms))
    if content.key_results is not None:
        yield from ("## Results", "", INTERVALS, "", *_table(content.key_results))
    yield from ("## Charts", "")
    for picture in content.pictures:
        yield from _picture(picture)
    yield from ("## Comparisons", "")
    for table in content.comparisons:
        yield from _table(table)
    yield from ("## Every result", "", INTERVALS, "")
    for table in content.results:
        yield from _table(table)
    findings = [finding_line(finding) for finding in content.findings] or ["None."]
    yield from ("## Findings", "", *_bullets(findings), "")
    yield from ("## Method", "", *_bullets(content.method), "")
    yield from ("## Environment", "", *_table(content.environment))


def _table(table: Table) -> Iterator[str]:
    yield from (f"### {table.caption}", "")
    yield _row(table.columns)
    yield _row("---" for _ in table.columns)
    yield from (_row(row) for row in table.rows)
    yield ""
    if table.notes:
        yield from (*_bullets(table.notes), "")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def _bullets(lines: Iterable[str]) -> Iterator[str]:
    return (f"- {line}" for line in lines)


def _picture(picture: Picture) -> Iterator[str]:
    chart = picture.chart
    yield from (f"### {chart.title}", "", f"![{chart.title}](charts/{chart.name}.svg)", "")
    yield from (chart.caption, "")

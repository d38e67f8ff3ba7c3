"""report.html: one file that opens offline and prints well."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.charts import Picture
from analysis.report.content import Content


def as_html(content: Content) -> str:
    environment = Environment(
        loader=PackageLoader("analysis.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline_svg"] = _inline_svg
    return environment.get_template("report.html.j2").render(content=content) + "\n"


def _inline_svg(picture: Picture) -> Markup:
    # Safe: drawn here by matplotlib, which escapes the names it writes.
    return Markup(picture.inline_svg)  # noqa: S704

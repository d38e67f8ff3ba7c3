"""A marker's outline as an SVG path, so that a page draws the marks of the charts."""

from __future__ import annotations

from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from analysis.style import Marker

_LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}


def outline(marker: Marker, size: float) -> str:
    """The `d` of a path around 0, 0, `size` across; y grows downwards."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    parts = []
    for vertices, code in path.iter_segments():
        if code == Path.CLOSEPOLY:
            parts.append("Z")
            continue
        numbers = " ".join(
            f"{value * size * (-1 if index % 2 else 1) + 0:.2f}"
            for index, value in enumerate(vertices)
        )
        parts.append(_LETTERS[code] + numbers)
    return "".join(parts)

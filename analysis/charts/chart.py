"""What a chart is: a function from what was measured to a figure, its docstring the caption."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from analysis.reading import Reading
from analysis.results import Result
from analysis.style import RC, ArmStyle, styles_of
from loadtests.model import Phase, PhaseKind


class NothingToDrawError(Exception):
    """The run holds no data for a chart; the message says what is missing."""


class NotAskedError(NothingToDrawError):
    """The experiment never asked for what a chart shows, so no reader misses it."""


@dataclass(frozen=True)
class Measured:
    """What every chart is drawn from."""

    reading: Reading
    results: tuple[Result, ...]

    @cached_property
    def styles(self) -> Mapping[str, ArmStyle]:
        return styles_of(self.reading.experiment.arms)

    def phases(self, kind: PhaseKind) -> list[Phase]:
        return [phase for phase in self.reading.experiment.phases if phase.kind == kind]

    def suffix(self, phase: Phase) -> str:
        """The phase's name for a title, where there is another of its kind."""
        return f" ({phase.name})" if len(self.phases(phase.kind)) > 1 else ""

    def results_for(self, metric: str, phase: str) -> list[Result]:
        """One result an arm that has a value, in the order of the arms."""
        return [
            result
            for result in self.results
            if (result.metric.name, result.phase) == (metric, phase) and result.value is not None
        ]


@dataclass(frozen=True, slots=True)
class Chart:
    """A named drawing; `title` and `caption` come from the function's docstring."""

    name: str
    title: str
    caption: str
    draw: Callable[[Measured], Figure]

    def render(self, measured: Measured) -> Picture:
        """Raises NothingToDrawError when the run has no data for it."""
        return Picture(self, *drawn(lambda: self.draw(measured)))


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as drawn: a standalone SVG document and a PNG."""

    chart: Chart
    svg: str
    png: bytes

    @property
    def inline_svg(self) -> str:
        """The SVG element alone, for a page: ids made its own, nothing that names a network."""
        prefix = f"{self.chart.name}-"
        root, inside = self.svg[self.svg.index("<svg") :].split(">", 1)
        # The page decides how wide; the view box keeps the shape. HTML needs no namespaces.
        root = re.sub(r'\s(?:width|height|version|xmlns(?::\w+)?)="[^"]*"', "", root)
        inside = re.sub(r"<metadata>.*?</metadata>", "", inside, flags=re.DOTALL)
        inside = re.sub(r'\bid="', f'id="{prefix}', inside)
        inside = re.sub(r'href="#', f'href="#{prefix}', inside)
        inside = inside.replace("url(#", f"url(#{prefix}")
        return f"{root}>{inside}"


def drawn(draw: Callable[[], Figure]) -> tuple[str, bytes]:
    """A figure in the house's style, as an SVG document and a PNG."""
    # matplotlib types its settings as a closed set of literals.
    settings: Any = RC
    with mpl.rc_context(settings):
        figure = draw()
        # Each is laid out by itself, as text is not as wide in both.
        return _saved_svg(figure), _saved_png(figure)


def chart(draw: Callable[[Measured], Figure]) -> Chart:
    """Makes a chart of a function: its name, the docstring's first line, and the rest of it."""
    title, _, caption = inspect.cleandoc(draw.__doc__ or "").partition("\n")
    if not caption.strip():
        raise TypeError(f"{draw.__name__}: a chart's docstring holds its title and its caption")
    return Chart(draw.__name__, title.rstrip("."), " ".join(caption.split()), draw)


def _saved_svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _saved_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()

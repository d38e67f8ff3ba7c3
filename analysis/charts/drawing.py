"""What several charts draw alike: sizes that grow with the arms, and legends below."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.charts.chart import Measured
from analysis.style import SOFT, WIDTH_IN

# Beyond it lines are drawn thinner and panels taller.
MANY_ARMS = 8
_MORE_PER_ARM_IN = 0.12
_LEGEND_COLUMNS = 4


def figure_for_arms(arms: int, rows: int) -> Figure:
    """Room for `rows` panels, one above the other, each with a line an arm."""
    return Figure(figsize=(WIDTH_IN, rows * (1.2 + 0.36 * arms)), layout="constrained")


def figure_for_lines(
    arms: int, rows: int = 1, row_in: float = 3.6, columns: int = _LEGEND_COLUMNS
) -> Figure:
    """Room for `rows` panels of lines and below them a legend of `arms` entries in `columns`.

    With many arms panels are taller, as lines lie closer.
    """
    row_in += _MORE_PER_ARM_IN * max(0, arms - MANY_ARMS)
    legend_in = 0.24 * -(-arms // columns)
    return Figure(figsize=(WIDTH_IN, rows * row_in + legend_in), layout="constrained")


def arm_axis(axes: Axes, measured: Measured) -> dict[str, int]:
    """Makes the y axis a list of arms, first on top; the place of each by name."""
    names = [arm.name for arm in measured.reading.experiment.arms]
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return {name: index for index, name in enumerate(names)}


def mark_impossible(
    axes: Axes, measured: Measured, place: Mapping[str, int], left: float = 0
) -> None:
    """Says on the lines of arms that could not be why nothing stands there, from x = `left`."""
    for arm in measured.reading.impossible:
        axes.annotate(
            "impossible, so not measured",
            (left, place[arm]),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=SOFT,
            fontsize=8.5,
        )


def legend_below(figure: Figure, measured: Measured, arms: list[str]) -> None:
    """A legend of arms under the figure, each with its colour, marker and line."""
    handles = [
        Line2D(
            [],
            [],
            color=style.colour,
            marker=style.marker,
            markerfacecolor=style.face,
            linestyle=style.line,
            label=name,
        )
        for name, style in ((arm, measured.styles[arm]) for arm in arms)
    ]
    columns = min(len(handles), _LEGEND_COLUMNS)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=3.2)

"""What several charts draw alike: sizes that grow with the arms, and legends below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.charts.chart import Measured
from analysis.style import SOFT, WIDTH_IN
from loadtests.model import Phase

# Beyond it lines are drawn thinner and panels taller.
MANY_ARMS = 8
_MORE_PER_ARM_IN = 0.12
_LEGEND_COLUMNS = 4


def panels_of_arms(
    measured: Measured, phases: Sequence[Phase], columns: int
) -> tuple[Figure, list[list[Axes]]]:
    """A row of `columns` panels a phase, one above the other, as high as its arms need."""
    heights_in = [1.2 + 0.36 * len(measured.reading.experiment.arms_in(p)) for p in phases]
    figure = Figure(figsize=(WIDTH_IN, sum(heights_in)), layout="constrained")
    grid = figure.subplots(
        len(phases), columns, squeeze=False, sharey="row", height_ratios=heights_in
    )
    return figure, [list(row) for row in grid]


def figure_for_lines(
    arms: int, rows: int = 1, row_in: float = 3.6, columns: int = _LEGEND_COLUMNS
) -> Figure:
    """Room for `rows` panels of lines and below them a legend of `arms` entries in `columns`.

    With many arms panels are taller, as lines lie closer.
    """
    row_in += _MORE_PER_ARM_IN * max(0, arms - MANY_ARMS)
    legend_in = 0.24 * -(-arms // columns)
    return Figure(figsize=(WIDTH_IN, rows * row_in + legend_in), layout="constrained")


def arm_axis(axes: Axes, measured: Measured, phase: Phase) -> dict[str, int]:
    """Makes the y axis a list of the phase's arms, first on top; the place of each by name."""
    names = [arm.name for arm in measured.reading.experiment.arms_in(phase)]
    axes.set_yticks(range(len(names)), labels=names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return {name: index for index, name in enumerate(names)}


def mark_impossible(
    axes: Axes, measured: Measured, place: Mapping[str, int], left: float = 0
) -> None:
    """Says on the lines of arms that could not be why nothing stands there, from x = `left`."""
    for arm in measured.reading.impossible.keys() & place.keys():
        axes.annotate(
            "impossible, so not measured",
            (left, place[arm]),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=SOFT,
            fontsize=8.5,
        )


def legend_below(
    figure: Figure, measured: Measured, arms: list[str], others: Sequence[Line2D] = ()
) -> None:
    """A legend of arms under the figure, each with its colour, marker and line; then `others`."""
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
    handles += others
    columns = min(len(handles), _LEGEND_COLUMNS)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=3.2)

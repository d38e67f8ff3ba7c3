"""How steady the machine was while it was measured."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import MANY_ARMS, figure_for_lines, legend_below
from loadtests.model import Phase

_MIDDLE: Any = {"color": "black", "linewidth": 2.2}


@chart
def drift(measured: Measured) -> Figure:
    """Throughput of every slice, over the run.

    One mark a slice of about a second, as a share of its arm's mean, in the order of the rounds;
    grey bands are blocks, with the minute each began. Arms take turns within a round, so what
    moves all of them together is the machine, and cancels in a paired ratio; what moves one of
    them is that arm. Among many arms the black line is their median: the machine. The vertical
    axis does not start at zero.
    """
    closed = (*measured.phases("capacity"), *measured.phases("login"))
    phases = [phase for phase in closed if not phase.load.is_open and _repeats(measured, phase)]
    if not phases:
        raise NothingToDrawError("no closed-loop phase has two slices of an arm")
    figure = figure_for_lines(len(measured.styles), rows=len(phases), row_in=2.6)
    panels = zip(figure.subplots(len(phases), squeeze=False)[:, 0], phases, strict=True)
    with_middle = [_panel(axes, measured, phase) for axes, phase in panels]
    middle = [Line2D([], [], label="median of arms", **_MIDDLE)] if any(with_middle) else []
    legend_below(figure, measured, _drawn_arms(measured, phases), middle)
    return figure


def _drawn_arms(measured: Measured, phases: list[Phase]) -> list[str]:
    frames = (throughput_of_slices(measured.reading.frame, phase.name) for phase in phases)
    drawn = {arm for frame in frames for arm in frame["arm"]}
    return [arm for arm in measured.styles if arm in drawn]


def throughput_of_slices(frame: pd.DataFrame, phase: str) -> pd.DataFrame:
    """Counted slices of a phase in time: block, round, arm, started_s, rps, rps ÷ arm's mean."""
    rows = frame[(frame["phase"] == phase) & frame["counted"].astype(bool)]
    keys = ["block", "round", "arm", "started_s", "duration_s"]
    slices = rows.groupby(keys)["ok"].sum().reset_index().sort_values("started_s")
    slices = slices[slices["duration_s"] > 0]
    slices = slices.assign(rps=slices["ok"] / slices["duration_s"])
    means = slices.groupby("arm")["rps"].transform("mean")
    return slices.assign(of_mean=slices["rps"] / means)


def _repeats(measured: Measured, phase: Phase) -> bool:
    slices = throughput_of_slices(measured.reading.frame, phase.name)
    return bool(slices["arm"].duplicated().any())


def _panel(axes: Axes, measured: Measured, phase: Phase) -> bool:
    """Whether there are so many arms that their median is drawn too."""
    slices = throughput_of_slices(measured.reading.frame, phase.name)
    # One empty place between blocks.
    rounds = int(slices["round"].max()) + 2
    slices = slices.assign(place=slices["block"] * rounds + slices["round"])
    _mark_blocks(axes, slices, rounds)
    many = slices["arm"].nunique() > MANY_ARMS
    if many:
        for _, middle in slices.groupby(["block", "place"])["of_mean"].median().groupby("block"):
            axes.plot(middle.index.get_level_values("place"), middle, **_MIDDLE)
    for (arm, _), mine in slices.groupby(["arm", "block"]):
        style = measured.styles[str(arm)]
        axes.plot(
            mine["place"],
            mine["of_mean"],
            color=style.colour,
            linestyle=style.line,
            linewidth=0.0 if many else 0.8,
            marker=style.marker,
            markersize=4,
            markerfacecolor=style.face,
        )
    axes.grid(visible=False, axis="x")
    axes.set_title(f"throughput per slice, {phase.name}")
    axes.set_ylabel("share of the arm's mean")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    return many


def _mark_blocks(axes: Axes, slices: pd.DataFrame, rounds: int) -> None:
    """A band a block, named below with the minute in which this phase began there."""
    began_s = slices.groupby("block")["started_s"].min()
    middles = [int(str(block)) * rounds + (rounds - 2) / 2 for block in began_s.index]
    for middle in middles:
        axes.axvspan(
            middle - rounds / 2 + 0.3, middle + rounds / 2 - 0.3, color="#f3f3f3", zorder=0
        )
    labels = [f"block {block}\nat {began / 60:.1f} min" for block, began in began_s.items()]
    axes.set_xticks(middles, labels=labels)
    axes.tick_params(axis="x", length=0)

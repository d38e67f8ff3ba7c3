"""What a fault does to every arm, from before it until all is well again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import MANY_ARMS
from analysis.outages import Pair, Spread, pairs_of
from analysis.outages.bins import Numbers, held, middle_and_range, runs, times_of
from analysis.style import SOFT, WIDTH_IN, ArmStyle

_COLUMNS = 4
# A lane is drawn a little lower than it is wide apart.
_FULL = 0.82
_UNAUTHORIZED = "401"
_DENIED = "#111111"
_SMALL = 7.0


@chart
def outages(measured: Measured) -> Figure:
    """Success under each fault, by the time since it began.

    A panel a fault, a lane an arm. A lane filled to its full height says that every request of the
    good users due in these 0.1 s succeeded; a gap says that none did (where none was due, the lane
    goes on as it was). The line is the median of the
    trials and the pale band their range. Black from above is the share answered 401: users who were
    logged out. Between the dotted lines the fault stood. Every lane full to its end is an arm that
    the fault did not touch.
    """
    pairs = pairs_of(measured.reading)
    if not any(pair.trials for pair in pairs):
        raise NothingToDrawError("no trial of any fault was recorded")
    panels = [tuple(members) for _, members in groupby(pairs, key=lambda pair: pair.phase)]
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    figure = _figure(len(measured.styles), rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, of_fault in zip(grid.ravel(), panels, strict=False):
        _panel(axes, measured, of_fault)
    for index in range(len(panels), grid.size):
        grid.ravel()[index].set_visible(False)
    for index in range(max(0, len(panels) - columns), len(panels)):
        axes = grid.ravel()[index]
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel("seconds since the fault began", fontsize=_SMALL)
    _legend(figure)
    return figure


def _figure(arms: int, rows: int) -> Figure:
    lane_in = 0.17 if arms > MANY_ARMS else 0.26
    height_in = rows * (0.5 + lane_in * arms) + 0.7
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def _panel(axes: Axes, measured: Measured, pairs: Sequence[Pair]) -> None:
    for lane, pair in enumerate(pairs):
        _lane(axes, measured.styles[pair.arm], pair, lane)
        _mark_fault(axes, pair, lane)
    axes.set_title(pairs[0].heading, fontsize=8.5)
    axes.set_yticks(
        [lane + 0.5 for lane in range(len(pairs))], labels=[p.arm for p in pairs], fontsize=_SMALL
    )
    axes.set_ylim(len(pairs), 0)
    axes.xaxis.set_major_locator(MultipleLocator(5))
    axes.tick_params(axis="x", labelsize=_SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def _lane(axes: Axes, style: ArmStyle, pair: Pair, lane: int) -> None:
    """The arm's success as a filled curve upon the lane's floor."""
    floor = lane + 0.92
    axes.axhline(floor, color="#dddddd", linewidth=0.5, zorder=0)
    if pair.absence is not None:
        _say(axes, pair.absence, lane)
        return
    times_s = times_of(pair.trials)
    shares = middle_and_range(pair.trials, times_s)
    denied, *_ = middle_and_range(pair.trials, times_s, lambda name: name == _UNAUTHORIZED)
    edges, (middle, low, high, denied) = runs(times_s, *map(held, (*shares, denied)))
    top = floor - _FULL
    _fill(axes, floor - _FULL * middle, edges, floor, style.colour, alpha=0.55)
    spread = floor - _FULL * np.where(low < high, (low, high), np.nan)
    _fill(axes, spread[0], edges, spread[1], style.colour, alpha=0.3)
    axes.stairs(floor - _FULL * middle, edges, baseline=None, color=style.colour, linewidth=0.8)
    _fill(axes, np.where(denied > 0, top + _FULL * denied, np.nan), edges, top, _DENIED)
    if pair.missing:
        _say(axes, f"{len(pair.trials)} of {pair.expected} trials", lane)


def _fill(
    axes: Axes,
    values: Numbers,
    edges: Numbers,
    baseline: Numbers | float,
    colour: str,
    alpha: float = 1.0,
) -> None:
    """Steps filled to a baseline; nothing where the values are NaN."""
    if not np.isnan(values).all():
        axes.stairs(
            values, edges, baseline=baseline, fill=True, linewidth=0, color=colour, alpha=alpha
        )


def _mark_fault(axes: Axes, pair: Pair, lane: int) -> None:
    """Fault and mend in the arm's own lane, as replicas come back one after the other."""
    mends = Spread.of(trial.mended_s - trial.fault_s for trial in pair.trials)
    if mends is None:
        return
    axes.fill_between((0, mends.median), lane, lane + 1, color="#f0f0f0", linewidth=0, zorder=-1)
    axes.vlines((0, mends.median), lane, lane + 1, colors="#222222", linestyles=":", linewidths=1.1)


def _say(axes: Axes, text: str, lane: int) -> None:
    axes.annotate(
        text,
        (0.99, lane + 0.5),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="center",
        color=SOFT,
        fontsize=6.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
    )


def _legend(figure: Figure) -> None:
    handles = [
        Patch(facecolor="#888888", alpha=0.55, label="succeeded, median of trials"),
        Patch(facecolor="#888888", alpha=0.25, label="range of trials"),
        Patch(facecolor=_DENIED, label="answered 401"),
        Line2D([], [], color="#222222", linestyle=":", label="fault begins, fault is mended"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)

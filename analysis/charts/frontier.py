"""The frontier: what a request costs against how long a revoked user stays in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.frontier import Frontier, NoFrontierError, Point, frontier_of
from analysis.frontier.axis import LagAxis
from analysis.frontier.labels import Box, Spot, place
from analysis.frontier.points import in_order_of_lag
from analysis.stats import Interval
from analysis.style import SOFT, WIDTH_IN, ArmStyle
from analysis.units import plain_seconds, rate

_HEIGHT_IN = 6.2
_PER_ARM_IN = 0.1
_LABEL_PT = 8.5
_MARK_PT = 9.0
_ARROW_PT = 15.0
# Room that names leave at the edges, at the foot for what is written there.
_EDGE_PT, _FOOT_PT = 4.0, 16.0
_GREY = "#8a8a8a"
_GREY_INK = "#6b6b6b"

Heights = Mapping[str, Interval]


@chart
def frontier(measured: Measured) -> Figure:
    """Requests per core-second by revocation lag.

    A point an arm, with the 95% interval of its requests per core-second. Lag is the p99 of what
    replicas took to refuse a revoked credential under usual load (the longest, where trials were
    few); hollow marks stand where the law says, as only expiry ends those credentials, after the
    life of those whose cost was measured, or never. A mark with an arrow was faster than the probes
    could tell. The faint bar runs from what was measured to what the law allows. The stepped line
    is the most work per core-second to be had at each lag, by means; grey arms are beaten in both.
    Up and left is better.
    """
    found = _found(measured)
    heights = {
        p.arm: Interval(p.rate.value or 0.0, p.rate.low, p.rate.high, p.rate.blocks)
        for p in found.points
    }
    figure, axes = _begin(found)
    axes.set_ylabel("requests per core-second of servers and store")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylim(0, 1.1 * found.top)
    axes.set_title("Work per core-second against time to revoke")
    _draw(figure, axes, measured, found, heights, found.cheapest)
    return figure


@chart
def frontier_latency(measured: Measured) -> Figure:
    """Added p99 by revocation lag.

    The same lags against the p99 of the response time that an arm adds to that of the arm which
    checks nothing, a difference of milliseconds paired by block, at the highest rate offered
    (where nothing runs unchecked: the ratio to the reference), with its 95% interval. Lag is drawn
    as in the chart before. The stepped line is the least to be had at each lag; down and left is
    better. Where every interval holds zero, nobody is told apart: no line is drawn, and no arm is
    grey.
    """
    found = _found(measured)
    heights = _added(found)
    if not heights or found.tails is None:
        raise NothingToDrawError("no latency phase told the p99 of two arms")
    tails = found.tails
    figure, axes = _begin(found)
    at = measured.reading.experiment.phase(tails.phase).load.rate_rps
    over = f"added to {tails.floor} (ms)" if tails.floor else f"÷ that of {tails.reference}"
    axes.set_ylabel(f"p99 of {tails.endpoint}, {over}")
    level = 0.0 if tails.floor else 1.0
    axes.axhline(level, color=SOFT, linewidth=0.9)
    axes.set_title(f"p99 at {rate(at) if at else tails.phase} against time to revoke")
    _fit(axes, heights)
    across = ((found.axis.left_s, level), (found.axis.right_s, level))
    _draw(figure, axes, measured, found, heights, _quickest(found, heights, level), [across])
    return figure


def _quickest(found: Frontier, heights: Heights, level: float) -> frozenset[str] | None:
    """The arms on the front; None where no interval keeps clear of `level`."""
    intervals = [each for each in heights.values() if each.low is not None]
    if intervals and all(_holds(each, level) for each in intervals):
        return None
    return found.front(lambda point: heights[point.arm].mean if point.arm in heights else None)


def _holds(interval: Interval, value: float) -> bool:
    return (interval.low or 0.0) <= value <= (interval.high or 0.0)


def _found(measured: Measured) -> Frontier:
    try:
        return frontier_of(measured.reading, measured.results)
    except NoFrontierError as why:
        raise NothingToDrawError(str(why)) from None


def _added(found: Frontier) -> Heights:
    return {p.arm: p.added for p in found.points if p.added is not None}


def _fit(axes: Axes, heights: Heights) -> None:
    """A straight axis, unless one arm's tail would press all others together; an interval much
    wider than what the arms differ by runs out of it."""
    means = [height.mean for height in heights.values()]
    middle = sorted(map(abs, means))[len(means) // 2]
    if max(means) > 12 * max(middle, 0.1):
        axes.set_yscale("symlog", linthresh=max(middle, 0.1))
    spread = max(means) - min(*means, 0.0)
    lows = [height.mean if height.low is None else height.low for height in heights.values()]
    highs = [height.mean if height.high is None else height.high for height in heights.values()]
    low = max(min(*lows, 0.0), min(means) - spread)
    high = min(max(highs), max(means) + spread)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.12 * (high - low))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")


def _begin(found: Frontier) -> tuple[Figure, Axes]:
    height_in = _HEIGHT_IN + _PER_ARM_IN * max(0, len(found.points) - 8)
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots()
    axis = found.axis
    axes.set_xscale("log")
    axes.set_xlim(axis.left_s, axis.right_s)
    ticks, names = zip(*axis.ticks, strict=True)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(names)
    load = found.revocation.trials.background_fraction if found.revocation.trials else 0.0
    axes.set_xlabel(f"revocation lag at {load:.0%} load")
    axes.axvspan(axis.left_s, axis.resolution_s, color="#efefef", zorder=0)
    axes.axvspan(axis.break_s, axis.right_s, color="#f6f6f6", zorder=0)
    axes.annotate(
        f"≤ resolution, {plain_seconds(axis.resolution_s)}", (axis.left_s, 0.012), (4, 0),
        xycoords=("data", "axes fraction"), textcoords="offset points", color=SOFT, fontsize=8,
    )  # fmt: skip
    return figure, axes


def _draw(
    figure: Figure,
    axes: Axes,
    measured: Measured,
    found: Frontier,
    heights: Heights,
    front: frozenset[str] | None,
    others: Sequence[tuple[Spot, Spot]] = (),
) -> None:
    """`front` None: no arm is better than another. `others`: lines that are drawn already, for
    names to keep clear of."""
    axis = found.axis
    drawn = [point for point in found.points if point.arm in heights]
    best = frozenset(heights) if front is None else front
    steps: list[Spot] = []
    if front is not None:
        steps = _steps([p for p in in_order_of_lag(drawn) if p.arm in front], heights, axis)
        axes.plot(*zip(*steps, strict=True), color="#333333", linewidth=1.3, zorder=2)
    for point in drawn:
        style = measured.styles[point.arm]
        _point(axes, point, heights[point.arm], axis, style, best=point.arm in best)
    _legend(figure, has_front=front is not None)
    lines = [
        *others,
        *_stretches(steps),
        *(line for p in drawn for line in _bars(p, heights[p.arm], axis)),
    ]
    _names(figure, axes, drawn, heights, axis, lines, lambda arm: arm in best)


def _steps(front: list[Point], heights: Heights, axis: LagAxis) -> list[Spot]:
    """The corners of what is to be had at each lag: nothing in between is, so the line steps."""
    corners: list[Spot] = []
    for point in front:
        x, y = axis.place(point.lag.seconds), heights[point.arm].mean
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    return [*corners, (axis.break_s, corners[-1][1])] if corners else [(axis.break_s, 0.0)]


def _stretches(corners: list[Spot]) -> list[tuple[Spot, Spot]]:
    return list(pairwise(corners))


def _bars(point: Point, height: Interval, axis: LagAxis) -> list[tuple[Spot, Spot]]:
    """The interval, and from what was measured to what the law allows."""
    x, y = axis.place(point.lag.seconds), height.mean
    bars: list[tuple[Spot, Spot]] = []
    if height.low is not None and height.high is not None:
        bars.append(((x, height.low), (x, height.high)))
    if point.lag.allowed_beyond is not None:
        bars.append(((x, y), (point.lag.allowed_beyond, y)))
    return bars


def _point(
    axes: Axes, point: Point, height: Interval, axis: LagAxis, style: ArmStyle, *, best: bool
) -> None:
    colour = style.colour if best else _GREY
    x, y = axis.place(point.lag.seconds), height.mean
    law_s = point.lag.allowed_beyond
    if law_s is not None:
        axes.plot([x, law_s], [y, y], color=colour, linewidth=5, alpha=0.16, zorder=1,
                  solid_capstyle="butt")  # fmt: skip
    if height.low is not None and height.high is not None:
        axes.plot([x, x], [height.low, height.high], color=colour, linewidth=1.4, zorder=3)
    if point.lag.kind == "at_most":
        axes.annotate(
            "", (x, y), (-_ARROW_PT, 0), textcoords="offset points", zorder=3,
            arrowprops={"arrowstyle": "<|-", "color": colour, "linewidth": 1.1, "shrinkB": 3},
        )  # fmt: skip
    measured = point.lag.kind in {"measured", "at_most"}
    axes.plot(
        x,
        y,
        marker=style.marker,
        markersize=_MARK_PT if best else _MARK_PT - 2,
        color=colour,
        markerfacecolor=colour if measured else "white",
        markeredgewidth=1.4,
        linestyle="none",
        zorder=4,
    )


def _legend(figure: Figure, *, has_front: bool) -> None:
    marks = [
        Line2D([], [], marker="o", linestyle="none", color="#333333", label="measured"),
        Line2D([], [], marker="o", linestyle="none", color="#333333", markerfacecolor="white",
               label="by law, or never"),
        Line2D([], [], marker=r"$\leftarrow$", markersize=11, linestyle="none", color="#333333",
               label="at most the probes’ spacing"),
        Line2D([], [], color="#333333", linewidth=5, alpha=0.2, label="up to what the law allows"),
        Line2D([], [], color="#333333", linewidth=1.3, label="best at that lag"),
    ][: 5 if has_front else 4]  # fmt: skip
    figure.legend(handles=marks, loc="outside lower center", ncols=3, fontsize=8.5)


def _names(
    figure: Figure,
    axes: Axes,
    points: list[Point],
    heights: Heights,
    axis: LagAxis,
    lines: list[tuple[Spot, Spot]],
    is_best: Callable[[str], bool],
) -> None:
    """Names beside their points, a thin line where they stand off; in points of type (1/72")."""
    figure.draw_without_rendering()
    scale = 72 / figure.dpi

    def at(x: float, y: float) -> Spot:
        across, up = axes.transData.transform((x, y))
        return float(across) * scale, float(up) * scale

    spots = [at(axis.place(p.lag.seconds), heights[p.arm].mean) for p in points]
    area = axes.get_window_extent()
    left, bottom = area.x0 * scale + _EDGE_PT, area.y0 * scale + _FOOT_PT
    width, height = area.width * scale - 2 * _EDGE_PT, area.height * scale - _FOOT_PT - _EDGE_PT
    bounds = Box(left, bottom, width, height)
    sizes = [_size(point.arm, bold=is_best(point.arm)) for point in points]
    drawn = [Box.spanning(at(*start), at(*end), 2.5) for start, end in lines]
    drawn += [Box.around(spot, _MARK_PT * 0.75, _MARK_PT * 0.6) for spot in spots]
    pointed = [spot for p, spot in zip(points, spots, strict=True) if p.lag.kind == "at_most"]
    drawn += [Box.spanning((x - _ARROW_PT, y), (x, y), 2.5) for x, y in pointed]
    for point, spot, box in zip(points, spots, place(spots, sizes, bounds, drawn), strict=True):
        best = is_best(point.arm)
        middle = (box.left + box.width / 2 - spot[0], box.top + box.height / 2 - spot[1])
        near = box.nearest(spot)
        if abs(near[0] - spot[0]) + abs(near[1] - spot[1]) > _MARK_PT * 1.2:
            axes.annotate(
                "", spot, near, xycoords=("figure points"), textcoords="figure points", zorder=3,
                arrowprops={"arrowstyle": "-", "color": "#9a9a9a", "linewidth": 0.7, "shrinkB": 4},
            ).set_in_layout(False)  # fmt: skip
        text = axes.annotate(
            point.arm, spot, middle, xycoords="figure points", textcoords="offset points",
            ha="center", va="center", fontsize=_LABEL_PT, zorder=5,
            fontweight="bold" if best else "normal", color="#1b1b1b" if best else _GREY_INK,
        )  # fmt: skip
        text.set_in_layout(False)


def _size(text: str, *, bold: bool) -> tuple[float, float]:
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return float(TextPath((0, 0), text, size=_LABEL_PT, prop=font).get_extents().width) + 4, 11.0

"""The frontier as the page draws it: where everything stands, on a wide and a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from analysis.frontier.axis import LagAxis
from analysis.frontier.choice import STOPS_S
from analysis.frontier.labels import Box, Spot, place
from analysis.frontier.points import Frontier, Point, in_order_of_lag
from analysis.frontier.shapes import outline
from analysis.style import ArmStyle

_MARK = 13.0
_LINE_HALF = 2.5
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 8.0, 24.0, 42.0
# What is written at the foot of the plot keeps names away.
_FOOT = 18.0
_TICK_APART = 52.0

Line = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One arm: its spot, the outline of its marker, its name's left end and baseline, and the lines
    that belong to it (None: it has none)."""

    arm: str
    x: float
    y: float
    outline: str
    colour: str
    is_hollow: bool
    is_at_most: bool
    name_x: float
    name_y: float
    leader: Line | None
    interval: Line | None
    allowed: Line | None
    label: str


@dataclass(frozen=True, slots=True)
class Canvas:
    """One drawing in pixels of its own; `stops_x` are where each stop of the slider stands."""

    name: str
    width: float
    height: float
    font_px: float
    left: float
    right: float
    top: float
    bottom: float
    resolution_x: float
    break_x: float
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    front: str
    stops_x: tuple[float, ...]
    marks: tuple[Mark, ...]


def canvases(
    found: Frontier, styles: Mapping[str, ArmStyle], labels: Mapping[str, str]
) -> tuple[Canvas, ...]:
    """`labels` are what a screen reader says of each arm."""
    more = 9.0 * max(0, len(found.points) - 8)
    return (
        _Drawing("wide", 760.0, 430.0 + more / 2, 12.0, found).canvas(styles, labels),
        _Drawing("narrow", 340.0, 420.0 + more, 10.5, found).canvas(styles, labels),
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    name: str
    width: float
    height: float
    font_px: float
    found: Frontier

    def canvas(self, styles: Mapping[str, ArmStyle], labels: Mapping[str, str]) -> Canvas:
        axis = self.found.axis
        front = self._front()
        lines = [*pairwise(front), *(line for p in self.found.points for line in self._lines(p))]
        return Canvas(
            name=self.name,
            width=self.width,
            height=self.height,
            font_px=self.font_px,
            left=_LEFT,
            right=self.width - _RIGHT,
            top=_TOP,
            bottom=self.height - _BOTTOM,
            resolution_x=self._x(axis.resolution_s),
            break_x=self._x(axis.break_s),
            x_ticks=tuple(self._x_ticks(axis)),
            y_ticks=tuple((self._y(value), f"{value:,.0f}") for value in self._y_values()),
            front="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in front) if front else "",
            stops_x=tuple(round(self._x(stop), 1) for stop in STOPS_S),
            marks=tuple(self._marks(styles, labels, lines)),
        )

    def _x(self, lag_s: float | None) -> float:
        return _LEFT + (self.width - _LEFT - _RIGHT) * self.found.axis.share(lag_s)

    def _y(self, value: float) -> float:
        tall = self.height - _TOP - _BOTTOM
        return self.height - _BOTTOM - tall * value / self._top_value()

    def _top_value(self) -> float:
        return 1.08 * self.found.top

    def _y_values(self) -> list[float]:
        values = MaxNLocator(6).tick_values(0, self._top_value())
        return [float(value) for value in values if 0 <= value <= self._top_value()]

    def _x_ticks(self, axis: LagAxis) -> Iterator[tuple[float, str]]:
        """As many as have room."""
        never = (self._x(None), "never")
        last = -_TICK_APART
        for seconds, text in axis.ticks[:-1]:
            x = self._x(seconds)
            if x - last >= _TICK_APART and never[0] - x >= _TICK_APART:
                yield x, text
                last = x
        yield never

    def _spot(self, point: Point) -> Spot:
        return self._x(point.lag.seconds), self._y(point.rate.value or 0.0)

    def _front(self) -> list[Spot]:
        """The corners of the most that is to be had at each lag."""
        corners: list[Spot] = []
        for point in in_order_of_lag(self.found.points):
            if point.arm in self.found.cheapest:
                x, y = self._spot(point)
                corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
        return [*corners, (self._x(self.found.axis.break_s), corners[-1][1])] if corners else []

    def _interval(self, point: Point) -> Line | None:
        x, _ = self._spot(point)
        if point.rate.low is None or point.rate.high is None:
            return None
        return x, self._y(point.rate.low), x, max(self._y(point.rate.high), _TOP)

    def _allowed(self, point: Point) -> Line | None:
        x, y = self._spot(point)
        beyond = point.lag.allowed_beyond
        return None if beyond is None else (x, y, self._x(beyond), y)

    def _lines(self, point: Point) -> Iterator[tuple[Spot, Spot]]:
        for line in (self._interval(point), self._allowed(point)):
            if line is not None:
                yield line[:2], line[2:]

    def _marks(
        self,
        styles: Mapping[str, ArmStyle],
        labels: Mapping[str, str],
        lines: list[tuple[Spot, Spot]],
    ) -> Iterator[Mark]:
        points = self.found.points
        spots = [self._spot(point) for point in points]
        taken = [Box.spanning(one, other, _LINE_HALF) for one, other in lines]
        taken += [Box.around(spot, _MARK * 0.7, _MARK * 0.6) for spot in spots]
        across, down = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        bounds = Box(_LEFT + 3, _TOP, across - 3, down - _FOOT)
        sizes = [_text_size(point.arm, self.font_px) for point in points]
        boxes = place(spots, sizes, bounds, taken)
        for point, spot, box in zip(points, spots, boxes, strict=True):
            style = styles[point.arm]
            yield Mark(
                arm=point.arm,
                x=spot[0],
                y=spot[1],
                outline=outline(style.marker, _MARK),
                colour=style.colour,
                is_hollow=point.lag.kind in {"law", "never"},
                is_at_most=point.lag.kind == "at_most",
                name_x=box.left + 2,
                name_y=box.top + box.height * 0.78,
                leader=_leader(spot, box),
                interval=self._interval(point),
                allowed=self._allowed(point),
                label=labels[point.arm],
            )


def _leader(spot: Spot, box: Box) -> Line | None:
    """From the marker's edge to a name that stands off."""
    end = box.nearest(spot)
    away = ((end[0] - spot[0]) ** 2 + (end[1] - spot[1]) ** 2) ** 0.5
    if away < _MARK * 1.2:
        return None
    begin = _MARK * 0.7 / away
    return (
        spot[0] + (end[0] - spot[0]) * begin, spot[1] + (end[1] - spot[1]) * begin,
        end[0], end[1],
    )  # fmt: skip


def _text_size(text: str, font_px: float) -> tuple[float, float]:
    """In the widest of the fonts that the page may be shown in, bold, as the cheapest arm's is."""
    font = FontProperties(family="DejaVu Sans", weight="bold")
    width = float(TextPath((0, 0), text, size=font_px, prop=font).get_extents().width)
    return width + 4, font_px * 1.2

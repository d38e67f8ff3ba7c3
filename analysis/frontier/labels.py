"""Puts names beside points so that none covers another, a marker or an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Spot = tuple[float, float]
Numbers = NDArray[np.float64]

_STEPS = (6.0, 3.0)
_SWEEPS = 2
# Of the free places nearest to a point, so many are asked whether a line to them crosses anything.
_ASKED = 100
_CROSSING = 40.0
# To the left of its point a name reads worse.
_LEFT = 6.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; y grows in whichever way the caller's does."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, spot: Spot, half_width: float, half_height: float) -> Box:
        x, y = spot
        return cls(x - half_width, y - half_height, 2 * half_width, 2 * half_height)

    @classmethod
    def spanning(cls, one: Spot, other: Spot, margin: float) -> Box:
        """Around a level or upright line."""
        (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
        width, height = right - left + 2 * margin, bottom - top + 2 * margin
        return cls(left - margin, top - margin, width, height)

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def nearest(self, spot: Spot) -> Spot:
        """The point of the box that is nearest to `spot`: where a line to it ends."""
        x, y = spot
        return (
            min(max(x, self.left), self.left + self.width),
            min(max(y, self.top), self.top + self.height),
        )


def place(
    spots: Sequence[Spot],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
    obstacles: Sequence[Box],
) -> list[Box]:
    """A box for each label of `sizes`, near its spot, inside `bounds` where there is room.

    Boxes avoid one another and `obstacles`, which hold the markers. Greedy on a grid, the most
    crowded spot first, then some sweeps in which each moves to the best place the others leave.
    """
    boxes: dict[int, Box] = {}
    order = sorted(range(len(spots)), key=lambda index: (-_crowd(spots, index), index))
    for _ in range(_SWEEPS):
        for index in order:
            others = [box for other, box in boxes.items() if other != index]
            boxes[index] = _best(spots[index], sizes[index], bounds, [*obstacles, *others])
    return [boxes[index] for index in range(len(spots))]


def _crowd(spots: Sequence[Spot], index: int) -> float:
    x, y = spots[index]
    return sum(1 / (1 + abs(x - a) + 4 * abs(y - b)) for a, b in spots)


def _best(spot: Spot, size: tuple[float, float], bounds: Box, taken: Sequence[Box]) -> Box:
    lefts, tops = _grid(size, bounds)
    width, height = size
    covered = np.zeros(len(lefts))
    for box in taken:
        across = np.minimum(lefts + width, box.left + box.width) - np.maximum(lefts, box.left)
        down = np.minimum(tops + height, box.top + box.height) - np.maximum(tops, box.top)
        covered += np.clip(across, 0, None) * np.clip(down, 0, None)
    far = _distance(spot, lefts, tops, size) + np.where(lefts + width <= spot[0], _LEFT, 0.0)
    # Where there is no room at all, the least is covered.
    order = np.lexsort((far, covered))
    order = order[covered[order] <= covered[order[0]]][:_ASKED]
    crossed = far[order] + _CROSSING * _crossings(spot, lefts[order], tops[order], size, taken)
    at = order[int(np.argmin(crossed))]
    return Box(float(lefts[at]), float(tops[at]), width, height)


def _grid(size: tuple[float, float], bounds: Box) -> tuple[Numbers, Numbers]:
    rights, bottoms = bounds.left + bounds.width, bounds.top + bounds.height
    xs = np.arange(bounds.left, max(rights - size[0], bounds.left) + 0.01, _STEPS[0])
    ys = np.arange(bounds.top, max(bottoms - size[1], bounds.top) + 0.01, _STEPS[1])
    lefts, tops = np.meshgrid(xs, ys)
    return lefts.ravel(), tops.ravel()


def _distance(spot: Spot, lefts: Numbers, tops: Numbers, size: tuple[float, float]) -> Numbers:
    """From the spot to each box, a little more to those that stand off its own height."""
    x, y = spot
    across = np.maximum(np.maximum(lefts - x, x - lefts - size[0]), 0)
    down = np.maximum(np.maximum(tops - y, y - tops - size[1]), 0)
    off = np.abs(tops + size[1] / 2 - y)
    return np.asarray(np.hypot(across, down) + 0.15 * off, dtype=np.float64)


def _crossings(
    spot: Spot, lefts: Numbers, tops: Numbers, size: tuple[float, float], taken: Sequence[Box]
) -> Numbers:
    """How many boxes the line from the spot to each label runs through; its own marker's is free.

    Liang & Barsky, "A New Concept and Method for Line Clipping", ACM TOG 3(1), 1984.
    """
    ends = (
        np.clip(spot[0], lefts, lefts + size[0]) - spot[0],
        np.clip(spot[1], tops, tops + size[1]) - spot[1],
    )
    crossed = np.zeros(len(lefts))
    for box in taken:
        if box.nearest(spot) == spot:
            continue
        first, last = np.zeros(len(lefts)), np.ones(len(lefts))
        sides = ((box.left - spot[0], box.width), (box.top - spot[1], box.height))
        for step, (gap, length) in zip(ends, sides, strict=True):
            # A line that keeps to one side of a box never enters it.
            still = np.where(gap < 0 < gap + length, np.inf, -np.inf)
            moves = step != 0
            safe = np.where(moves, step, 1.0)
            ways = np.sort([gap / safe, (gap + length) / safe], axis=0)
            first = np.maximum(first, np.where(moves, ways[0], -still))
            last = np.minimum(last, np.where(moves, ways[1], still))
        crossed += first < last
    return crossed

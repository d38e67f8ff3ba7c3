"""The simulation in one picture: coverage and false verdicts by the number of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis.aa.goals import COVERAGE_AT_LEAST, FALSE_AT_MOST
from analysis.aa.simulation import Simulated
from analysis.aa.trust import Trust
from analysis.style import SOFT, WIDTH_IN

NAME = "aa"
TITLE = "Coverage and false verdicts, simulated"
CAPTION = (
    "A mark is a metric in one place: of the experiments drawn from its variance components, in "
    "which no arm differs from another, the share whose 95% interval holds no difference (left, "
    "more is better) and the share called faster or slower (right, less is better). Black: normal "
    "noise; hollow: heavy-tailed. The dashed line is the goal. The left axis does not start at "
    "zero."
)
_HEIGHT_IN = 3.6
# How far the marks of either noise stand left or right of their number of blocks, and how wide.
_APART, _SPREAD = 0.18, 0.22
_FACES = {"normal": "#333333", "heavy-tailed": "white"}


def figure_of(trust: Trust) -> Figure:
    cases = [each for of_place in trust.simulated.values() for each in of_place]
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN), layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(left, cases, lambda each: each.covered, COVERAGE_AT_LEAST)
    left.set_title("coverage of 95% intervals")
    left.set_ylabel("share that holds no difference")
    _panel(right, cases, lambda each: each.false, FALSE_AT_MOST)
    right.set_title("false verdicts")
    right.set_ylabel("share called faster or slower")
    right.set_ylim(bottom=0)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def _panel(
    axes: Axes, cases: Sequence[Simulated], read: Callable[[Simulated], float], goal: float
) -> None:
    blocks = sorted({each.blocks for each in cases})
    for side, (noise, face) in zip((-1, 1), _FACES.items(), strict=True):
        places, values = [], []
        for middle, count in enumerate(blocks):
            mine = [read(e) for e in cases if (e.noise, e.blocks) == (noise, count)]
            places += list(_beside(middle + side * _APART, len(mine)))
            values += mine
        axes.plot(
            places,
            values,
            linestyle="none",
            marker="o",
            markersize=4,
            markerfacecolor=face,
            markeredgecolor="#333333",
            markeredgewidth=0.7,
            label=f"{noise} noise",
            clip_on=False,
        )
    axes.axhline(goal, color=SOFT, linestyle=(0, (4, 3)), linewidth=1.2, label="goal")
    axes.set_xticks(range(len(blocks)), labels=[str(count) for count in blocks])
    axes.set_xlabel("blocks")
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))


def _beside(middle: float, count: int) -> Iterator[float]:
    for number in range(count):
        yield middle + _SPREAD * (number / max(count - 1, 1) - 0.5)

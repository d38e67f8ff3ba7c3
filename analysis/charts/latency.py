"""How long requests waited, out to the tail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import figure_for_lines, legend_below
from analysis.units import offered
from loadtests.histogram import Histogram
from loadtests.model import Phase

# As many samples beyond a quantile, in each block, as 1,000 leave beyond p99.
_BEYOND_PER_BLOCK = 10
_NINES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_PANELS_A_ROW = 3
_MARK_SPACING = 0.22


@chart
def latency(measured: Measured) -> Figure:
    """Response time by percentile.

    Open loop: requests fall due on a schedule whatever the server does, and a response time
    counts from the due time, so waiting in a queue shows. All blocks together; each step to the
    right is another nine. A curve ends where fewer than ten samples a block lie beyond it. Lower
    is better.
    """
    endpoint = _busiest_endpoint(measured)
    phases = [p for p in measured.phases("latency") if _curves(measured, p, endpoint)]
    if not phases:
        raise NothingToDrawError("no latency phase was measured")
    columns = min(len(phases), _PANELS_A_ROW)
    rows = -(-len(phases) // columns)
    figure = figure_for_lines(len(measured.styles), rows=rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True).ravel()
    for axes, phase in zip(panels, phases, strict=False):
        _panel(axes, measured, phase, endpoint)
    for axes in panels[len(phases) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel(f"{endpoint}, response time (ms)")
    arms = [a for a in measured.styles if any(a in _curves(measured, p, endpoint) for p in phases)]
    legend_below(figure, measured, arms)
    return figure


def _panel(axes: Axes, measured: Measured, phase: Phase, endpoint: str) -> None:
    curves = _curves(measured, phase, endpoint)
    for index, (arm, histogram) in enumerate(curves.items()):
        quantiles = _drawn_quantiles(histogram.count, measured)
        values_ms = [ns / 1e6 for ns in histogram.quantiles_ns(quantiles) if ns is not None]
        style = measured.styles[arm]
        axes.plot(
            nines(quantiles),
            values_ms,
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
            markerfacecolor=style.face,
            # Each arm's marks begin elsewhere, so that curves on one another show all of theirs.
            markevery=(_MARK_SPACING * index / len(curves), _MARK_SPACING),
            markersize=4.5,
            linewidth=1.5,
        )
    axes.set_title(offered(phase))
    axes.set_xlabel("percentile")
    axes.set_xticks(nines(_NINES), labels=[f"{q * 100:g}%" for q in _NINES])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _is_plain(value) else "")
    longest = max(h.count for h in curves.values())
    axes.set_xlim(
        left=nines([0.5])[0] * 0.9, right=nines(_drawn_quantiles(longest, measured))[-1] * 1.04
    )


def _drawn_quantiles(samples: int, measured: Measured) -> list[float]:
    blocks = max(len({cell.block for cell in measured.reading.cells}), 1)
    last = 1 - _BEYOND_PER_BLOCK * blocks / samples if samples else 0.0
    end = max(-math.log10(1 - last), nines([0.5])[0]) if last < 1 else 0.0
    return [float(1 - 10**-x) for x in np.linspace(nines([0.5])[0], end, 120)]


def nines(quantiles: Sequence[float]) -> list[float]:
    """0.9 -> 1, 0.99 -> 2: how many nines."""
    return [-math.log10(1 - quantile) for quantile in quantiles]


def _is_plain(value: float) -> bool:
    """Whether a tick between decades is worth a label: 2 and 5 of each."""
    return round(value / 10 ** math.floor(math.log10(value))) in {2, 5}


def _curves(measured: Measured, phase: Phase, endpoint: str) -> dict[str, Histogram]:
    curves = measured.reading.curves
    return {
        arm: curves[phase.name, arm, endpoint]
        for arm in measured.styles
        if (phase.name, arm, endpoint) in curves and curves[phase.name, arm, endpoint].count
    }


def _busiest_endpoint(measured: Measured) -> str:
    counts: dict[str, int] = {}
    latency_phases = {phase.name for phase in measured.phases("latency")}
    for (phase, _, endpoint), histogram in measured.reading.curves.items():
        if phase in latency_phases:
            counts[endpoint] = counts.get(endpoint, 0) + histogram.count
    return max(counts, key=lambda endpoint: counts[endpoint], default="")

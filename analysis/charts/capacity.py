"""What a saturated server does: how much it serves, and what a request costs."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import arm_axis, mark_impossible, panels_of_arms
from analysis.results import Result
from analysis.style import PARTS
from analysis.units import number
from loadtests.model import Phase

_PANELS = {
    "throughput_rps": ("throughput", "requests per second"),
    "requests_per_core_second": (
        "requests per core-second",
        "requests ÷ CPU seconds of servers and store",
    ),
}


@chart
def throughput(measured: Measured) -> Figure:
    """Throughput and requests per core-second.

    Closed loop, as fast as each arm answers: the mean over blocks, the line its 95% interval. On
    the right the same requests divided by the CPU seconds of servers and store, which does not
    depend on which core things happened to share. Longer is better.
    """
    phases = [
        phase
        for phase in measured.phases("capacity")
        if any(measured.results_for(metric, phase.name) for metric in _PANELS)
    ]
    if not phases:
        raise NothingToDrawError("no capacity phase was measured")
    figure, grid = panels_of_arms(measured, phases, len(_PANELS))
    for row, phase in zip(grid, phases, strict=True):
        for axes, (metric, (title, label)) in zip(row, _PANELS.items(), strict=True):
            _bars(axes, measured, phase, measured.results_for(metric, phase.name))
            axes.set_title(title + measured.suffix(phase))
            axes.set_xlabel(label)
    return figure


@chart
def cpu_per_request(measured: Measured) -> Figure:
    """CPU per request, by component.

    CPU time spent while the arm was driven, divided by the requests completed, at capacity; means
    over blocks. The figure beside each bar is servers + store, what a deployment pays for; the
    generator's share belongs to the measurement. Shorter is better.
    """
    phases = [p for p in measured.phases("capacity") if _parts(measured, p, "server")]
    if not phases:
        raise NothingToDrawError("no capacity phase whose CPU time could be read")
    figure, grid = panels_of_arms(measured, phases, 1)
    for (axes,), phase in zip(grid, phases, strict=True):
        _stack(axes, measured, phase)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(PARTS))
    return figure


def _bars(axes: Axes, measured: Measured, phase: Phase, results: list[Result]) -> None:
    place = arm_axis(axes, measured, phase)
    mark_impossible(axes, measured, place)
    for result in results:
        style, y, value = measured.styles[result.arm], place[result.arm], result.value or 0.0
        high = result.high or value
        axes.barh(
            y,
            value,
            height=0.62,
            color=style.colour if style.filled else "white",
            edgecolor=style.colour,
            hatch=style.hatch,
            alpha=0.75,
        )
        if result.low is not None and result.high is not None:
            around = [[value - result.low], [result.high - value]]
            axes.errorbar(value, y, xerr=around, color="black", capsize=3, linewidth=1.4)
        axes.annotate(number(value), (high, y), (5, 0), textcoords="offset points", va="center")
    ends = [result.high or result.value or 0.0 for result in results]
    axes.set_xlim(0, max(ends, default=1.0) * 1.2)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _stack(axes: Axes, measured: Measured, phase: Phase) -> None:
    place = arm_axis(axes, measured, phase)
    mark_impossible(axes, measured, place)
    edges = dict.fromkeys(place, 0.0)
    for part, (colour, hatch) in PARTS.items():
        values = _parts(measured, phase, part)
        arms = list(values)
        axes.barh(
            [place[arm] for arm in arms],
            [values[arm] for arm in arms],
            left=[edges[arm] for arm in arms],
            height=0.62,
            color=colour,
            hatch=hatch,
            edgecolor="#333333",
            linewidth=0.6,
            label="servers" if part == "server" else part,
        )
        for arm in arms:
            edges[arm] += values[arm]
    server, store = _parts(measured, phase, "server"), _parts(measured, phase, "store")
    for arm, edge in edges.items():
        if arm in server and arm in store:
            text = f"servers + store {number(server[arm] + store[arm])}"
            axes.annotate(text, (edge, place[arm]), (5, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, max(edges.values()) * 1.3)
    axes.set_title("CPU per request at capacity" + measured.suffix(phase))
    axes.set_xlabel("µs of CPU per request")


def _parts(measured: Measured, phase: Phase, part: str) -> dict[str, float]:
    results = measured.results_for(f"cpu_{part}_us", phase.name)
    return {result.arm: result.value for result in results if result.value is not None}

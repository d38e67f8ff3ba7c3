"""What becomes of each design as its store moves away."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import MANY_ARMS, figure_for_lines, legend_below
from analysis.distances import ASKED, ladder, round_trip_ms, yardstick
from analysis.results import Result
from analysis.style import SOFT
from analysis.units import further
from loadtests.model import Phase

_ROW_IN = 3.2


@chart
def distance(measured: Measured) -> Figure:
    """Response time and throughput by distance to the store.

    To the right the measured round trip to the store (p50 of the arm that asks it on every
    request, through the proxy, what the store itself takes included; logarithmic, as are the
    other axes); the dotted lines say what was asked to be added, and the leftmost is the proxy
    alone. Above response times at a fixed rate, lower is better; below the throughput of a fixed
    number of users, higher is better, which falls as users ÷ response time once the distance
    counts. Means over blocks with their 95% intervals. What does not ask the store stays flat.
    """
    panels = [panel for panel in _panels(measured) if len(panel[1]) > 1]
    if not panels:
        raise NothingToDrawError("no two phases differ in their distance to the store")
    figure = figure_for_lines(len(measured.styles), rows=len(panels), row_in=_ROW_IN)
    drawn: set[str] = set()
    every = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, (metric, phases, label) in zip(every, panels, strict=True):
        drawn |= _panel(axes, measured, metric, phases)
        axes.set_ylabel(label)
    every[-1].set_xlabel("measured round trip to the store (ms)")
    legend_below(figure, measured, [arm for arm in measured.styles if arm in drawn])
    return figure


def _panels(measured: Measured) -> list[tuple[str, list[Phase], str]]:
    experiment = measured.reading.experiment
    open_loop, closed_loop = ladder(experiment, "latency"), ladder(experiment, "users")
    return [
        ("latency_p50_ms", open_loop, f"{ASKED}, p50 (ms)"),
        ("latency_p99_ms", open_loop, f"{ASKED}, p99 (ms)"),
        ("throughput_rps", closed_loop, _users_label(closed_loop)),
    ]


def _users_label(phases: Sequence[Phase]) -> str:
    users = phases[0].load.users if phases else None
    return f"req/s of {users} users"


def _panel(axes: Axes, measured: Measured, metric: str, phases: Sequence[Phase]) -> set[str]:
    """Draws a line an arm; which arms it has."""
    arm = yardstick(measured.reading, phases)
    trips = {p.name: round_trip_ms(measured.reading, p, arm) for p in phases}
    x_ms = {name: trip.mean for name, trip in trips.items() if trip is not None}
    by_arm: dict[str, list[Result]] = {}
    for phase in phases:
        for result in measured.results_for(metric, phase.name):
            if result.endpoint in {None, ASKED} and phase.name in x_ms:
                by_arm.setdefault(result.arm, []).append(result)
    for name, results in by_arm.items():
        _line(axes, measured, name, [(x_ms[r.phase or ""], r) for r in results])
    for phase in phases:
        if phase.name in x_ms:
            _mark(axes, x_ms[phase.name], phase)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    return set(by_arm)


def _line(axes: Axes, measured: Measured, arm: str, points: Sequence[tuple[float, Result]]) -> None:
    style, many = measured.styles[arm], len(measured.styles) > MANY_ARMS
    values = [result.value or 0.0 for _x, result in points]
    below = [v - (r.low or v) for v, (_x, r) in zip(values, points, strict=True)]
    above = [(r.high or v) - v for v, (_x, r) in zip(values, points, strict=True)]
    axes.errorbar(
        [x for x, _result in points],
        values,
        yerr=[below, above],
        color=style.colour,
        marker=style.marker,
        markerfacecolor=style.face,
        markersize=4.5 if many else 6,
        linestyle=style.line,
        linewidth=1.1 if many else 1.6,
        elinewidth=0.7,
        capsize=2,
    )


def _mark(axes: Axes, x_ms: float, phase: Phase) -> None:
    """Where a phase stands, and what was asked to be added there."""
    axes.axvline(x_ms, color=SOFT, linestyle=":", linewidth=0.8, zorder=0)
    axes.annotate(
        further(phase.store_delay_s or 0.0),
        (x_ms, 1.0),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=SOFT,
    )

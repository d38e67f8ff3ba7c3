"""How p99 rises with the rate offered, and which rate each arm takes within the limit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import MANY_ARMS, arm_axis, mark_impossible
from analysis.knees import Probe
from analysis.style import SOFT, WIDTH_IN, ArmStyle
from analysis.units import number
from loadtests.model import Phase

_CURVES_IN = 3.8
_PER_ARM_IN = 0.3
# A curve's points are medians over so much of the rate: half an octave.
_STEP = math.log(2) / 2
# What failed took for ever; it is drawn this many times above the limit.
_TOP_LIMITS = 10.0


@chart
def slo(measured: Measured) -> Figure:
    """Response time by offered rate, and the highest rate within the limit.

    Above, p99 of every probe against the rate offered (both axes logarithmic); the line is the
    median of neighbouring probes, the dashed one the limit, and a mark at the upper edge is a
    probe that failed or was slower still. Large marks are the knee, the highest rate that met the
    limit; below it stands with its 95% interval and one small mark a block. Further right is
    better.
    """
    phases = [phase for phase in measured.phases("slo") if _probes(measured, phase)]
    if not phases:
        raise NothingToDrawError("no slo phase was measured")
    knees_in = 0.7 + _PER_ARM_IN * len(measured.styles)
    height_in = len(phases) * (_CURVES_IN + knees_in)
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    ratios = [_CURVES_IN, knees_in] * len(phases)
    panels = figure.subplots(2 * len(phases), height_ratios=ratios, squeeze=False)[:, 0]
    for curves, knees, phase in zip(panels[::2], panels[1::2], phases, strict=True):
        knees.sharex(curves)
        _curves(curves, measured, phase)
        _knees(knees, measured, phase)
    return figure


def _curves(axes: Axes, measured: Measured, phase: Phase) -> None:
    limit_ms = phase.search.p99_ms if phase.search else 0.0
    many = len(measured.styles) > MANY_ARMS
    probes = _probes(measured, phase)
    for arm, of_arm in probes.items():
        style = measured.styles[arm]
        drawn = [(p.rate_rps, min(p.p99_ms, limit_ms * _TOP_LIMITS)) for p in of_arm]
        rates, values = zip(*drawn, strict=True)
        axes.scatter(
            rates,
            values,
            s=9 if many else 16,
            marker=style.marker,
            facecolors=style.face,
            edgecolors=style.colour,
            linewidths=0.6,
            alpha=0.35 if many else 0.5,
        )
        line = medians(of_arm, limit_ms * _TOP_LIMITS)
        axes.plot(*line, color=style.colour, linestyle=style.line, linewidth=1 if many else 1.6)
    for result in measured.results_for("slo_rate_rps", phase.name):
        _mark(axes, measured.styles[result.arm], result.value or 0.0, limit_ms)
    axes.axhline(limit_ms, color="black", linestyle=(0, (4, 3)), linewidth=1)
    axes.annotate(
        f"limit {limit_ms:g} ms", (0.005, limit_ms), (0, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", fontsize=8.5, color=SOFT,
    )  # fmt: skip
    axes.set_xscale("log")
    # An interval over few blocks may reach far beyond what was probed.
    axes.set_autoscalex_on(False)
    every = [probe.rate_rps for of_arm in probes.values() for probe in of_arm]
    axes.set_xlim(min(every) / 1.15, max(every) * 1.15)
    axes.set_yscale("log")
    axes.set_title("p99 of response time" + measured.suffix(phase))
    axes.set_ylabel("p99 (ms)")
    _plain_ticks(axes)
    axes.tick_params(axis="x", labelbottom=False)


def medians(probes: Iterable[Probe], top_ms: float) -> tuple[list[float], list[float]]:
    """Rates and the median p99 of the probes near each, in ms, none above `top_ms`."""

    def step(probe: Probe) -> int:
        return math.floor(math.log(probe.rate_rps) / _STEP)

    near = [list(group) for _, group in groupby(sorted(probes, key=step), key=step)]
    rates = [math.exp(sum(math.log(p.rate_rps) for p in group) / len(group)) for group in near]
    return rates, [min(median(p.p99_ms for p in group), top_ms) for group in near]


def _knees(axes: Axes, measured: Measured, phase: Phase) -> None:
    place = arm_axis(axes, measured, phase)
    for arm, rates in _held(measured, phase).items():
        style = measured.styles[arm]
        axes.scatter(
            rates,
            [place[arm]] * len(rates),
            s=14,
            marker=style.marker,
            facecolors="none",
            edgecolors=style.colour,
            linewidths=0.7,
            alpha=0.8,
        )
    for result in measured.results_for("slo_rate_rps", phase.name):
        style, value, y = measured.styles[result.arm], result.value or 0.0, place[result.arm]
        low, high = result.low or value, result.high or value
        axes.errorbar(value, y, xerr=[[value - low], [high - value]], color="black", capsize=3)
        _mark(axes, style, value, y)
        axes.annotate(
            number(value), (1.0, y), (4, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=8.5,
        )  # fmt: skip
    _mark_missing(axes, measured, phase, place)
    axes.set_title("highest rate within the limit" + measured.suffix(phase))
    axes.set_xlabel("requests offered per second")
    _plain_ticks(axes)


def _mark(axes: Axes, style: ArmStyle, x: float, y: float) -> None:
    """The large mark of a mean."""
    axes.plot(
        x, y, marker=style.marker, markersize=7, color=style.colour, markerfacecolor=style.face
    )


def _mark_missing(axes: Axes, measured: Measured, phase: Phase, place: dict[str, int]) -> None:
    """Arms whose searches found nothing say so in their place."""
    found = {result.arm for result in measured.results_for("slo_rate_rps", phase.name)}
    left = axes.get_xlim()[0]
    for arm, y in place.items():
        if arm not in found and arm not in measured.reading.impossible:
            axes.annotate(
                "not found in every block", (left, y), (5, 0), textcoords="offset points",
                va="center", color=SOFT, fontsize=8.5,
            )  # fmt: skip
    mark_impossible(axes, measured, place, left)


def _plain_ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis) if axes.get_yscale() == "log" else (axes.xaxis,):
        axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())


def _probes(measured: Measured, phase: Phase) -> dict[str, list[Probe]]:
    """Arm -> its probes in every block, in the order of the arms."""
    probes: dict[str, list[Probe]] = {}
    for arm in measured.styles:
        mine = [p for c in measured.reading.cells if c.phase == phase.name for p in c.probes
                if c.arm == arm]  # fmt: skip
        if mine:
            probes[arm] = mine
    return probes


def _held(measured: Measured, phase: Phase) -> dict[str, Sequence[float]]:
    """Arm -> the knee of every block that has one."""
    held: dict[str, list[float]] = {}
    for cell in measured.reading.cells:
        if cell.phase == phase.name and cell.knee is not None and cell.knee.held_rps is not None:
            held.setdefault(cell.arm, []).append(cell.knee.held_rps)
    return {arm: held[arm] for arm in measured.styles if arm in held}

"""How long a revoked user stays in."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.drawing import figure_for_lines
from analysis.charts.lag_bands import LagBand
from analysis.style import SOFT, ArmStyle
from analysis.units import plain_seconds, seconds
from loadtests.model import Phase

_TICKS_S = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
_LEGEND_COLUMNS = 2
_ARMS_NAMED = 2
_RESOLUTION_UNKNOWN_S = 0.001

Bands = dict[str, LagBand]


@chart
def revocation(measured: Measured) -> Figure:
    """Revocation lag: how long a kicked user stayed in.

    The share of replica-trials that had refused for good, by the time since the revocation was
    acknowledged. Each band lies between the last request let in and the first refused, so the
    truth is inside it. Probes come at a fixed spacing, the resolution; anything shorter is drawn
    there. A replica that never refused keeps its curve down. Dotted lines are what a law allows,
    computed and not measured. Further left is better.
    """
    phases = [p for p in measured.phases("revocation") if _bands(measured, p)]
    if not phases:
        raise NothingToDrawError("no revocation was acknowledged, or none was tried")
    legends = sum(len(_bands(measured, phase)) for phase in phases)
    figure = figure_for_lines(legends, rows=len(phases), row_in=4.0, columns=_LEGEND_COLUMNS)
    for axes, phase in zip(figure.subplots(len(phases), squeeze=False)[:, 0], phases, strict=True):
        _panel(axes, measured, phase)
    return figure


def _panel(axes: Axes, measured: Measured, phase: Phase) -> None:
    bands = _bands(measured, phase)
    bounds = _bounds(measured, bands)
    resolution_s = phase.trials.spacing_s(0.0) if phase.trials else _RESOLUTION_UNKNOWN_S
    left_s, right_s = resolution_s / 2, _right_end_s(bands, bounds, phase)
    _scales(axes, left_s, right_s)
    for arm, band in bands.items():
        steps = band.steps(left_s, resolution_s, right_s)
        label = f"{arm}: {_outcome(band, resolution_s)}"
        _draw(axes, measured.styles[arm], steps, label)
    axes.axvspan(left_s, resolution_s, color="#eeeeee", zorder=0)
    middle_s = math.sqrt(left_s * resolution_s)
    _upright(axes, middle_s, f"≤ resolution ({plain_seconds(resolution_s)})", SOFT, centred=True)
    for bound_s, arms in bounds.items():
        colour = measured.styles[arms[0]].colour
        whose = ", ".join(arms) if len(arms) <= _ARMS_NAMED else f"{len(arms)} arms"
        text = f"law of {whose}: {plain_seconds(bound_s)} (not measured)"
        _vertical(axes, bound_s, text, colour)
    if phase.trials:
        ttl_s = phase.trials.ttl_s
        _vertical(axes, ttl_s, f"credentials lived {plain_seconds(ttl_s)} here", SOFT, right=True)
    axes.set_title("share of replica-trials that refuse by then" + measured.suffix(phase))
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=_LEGEND_COLUMNS, handlelength=3.2
    )


def _scales(axes: Axes, left_s: float, right_s: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(left_s, right_s)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel("time since the revocation was acknowledged")
    axes.xaxis.set_major_locator(FixedLocator([t for t in _TICKS_S if left_s <= t <= right_s]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: plain_seconds(value))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def _draw(axes: Axes, style: ArmStyle, steps: tuple[np.ndarray, ...], label: str) -> None:
    x, surely, perhaps = steps
    colour, line = style.colour, style.line
    axes.fill_between(x, surely, perhaps, step="post", color=colour, alpha=0.25, linewidth=0)
    axes.step(x, perhaps, where="post", color=colour, linewidth=0.8, linestyle=line)
    half_way = int(np.argmax(surely >= 0.5)) if surely[-1] >= 0.5 else len(x) // 2
    axes.step(
        x,
        surely,
        where="post",
        color=colour,
        linewidth=1.7,
        linestyle=line,
        marker=style.marker,
        markerfacecolor=style.face,
        markersize=6,
        markevery=[half_way],
        label=label,
    )


def _vertical(axes: Axes, x_s: float, text: str, colour: str, *, right: bool = False) -> None:
    axes.axvline(x_s, color=colour, linestyle=":", linewidth=1.3)
    _upright(axes, x_s, text, colour, right=right)


def _upright(
    axes: Axes, x_s: float, text: str, colour: str, *, right: bool = False, centred: bool = False
) -> None:
    aside, align = (5, "left") if right else (-5, "right")
    axes.annotate(
        text,
        (x_s, 0.5),
        (0 if centred else aside, 0),
        textcoords="offset points",
        rotation=90,
        ha="center" if centred else align,
        va="center",
        color=colour,
        fontsize=8.5,
    )


def _outcome(band: LagBand, resolution_s: float) -> str:
    if band.never:
        return f"never refused in {band.never} of {band.trials}"
    longest_s = band.longest_s or 0.0
    if longest_s <= resolution_s:
        return f"all {band.trials} ≤ {plain_seconds(resolution_s)}"
    return f"longest of {band.trials} took {seconds(longest_s)}"


def _bounds(measured: Measured, bands: Bands) -> dict[float, list[str]]:
    """Arms by what their law allows, where that is some time and not for ever."""
    bounds: dict[float, list[str]] = {}
    for arm in bands:
        law = measured.reading.law(arm)
        if law is not None and law.bound_s:
            bounds.setdefault(law.bound_s, []).append(arm)
    return bounds


def _right_end_s(bands: Bands, bounds: dict[float, list[str]], phase: Phase) -> float:
    longest = [band.longest_s for band in bands.values() if band.longest_s is not None]
    lived = [float(phase.trials.ttl_s)] if phase.trials else []
    return 2 * max([*longest, *lived, *bounds, 1.0])


def _bands(measured: Measured, phase: Phase) -> Bands:
    arms = [arm.name for arm in measured.reading.experiment.arms if not arm.is_control]
    mine = [trial for trial in measured.reading.trials if trial.phase == phase.name]
    by_arm = {arm: [trial for trial in mine if trial.arm == arm] for arm in arms}
    return {arm: LagBand.of(trials) for arm, trials in by_arm.items() if trials}

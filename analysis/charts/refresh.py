"""What shorter access tokens cost, and how soon they let a revoked user go."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from analysis.charts.chart import Measured, NotAskedError, NothingToDrawError, chart
from analysis.refreshing import LIVES_S, Refreshing, refreshes_rps, refreshing_of
from analysis.stats import Interval
from analysis.style import SOFT, WIDTH_IN
from analysis.units import number, plain_seconds, rate

_FROM_S, _TO_S = 10.0, 86_400.0
_LIFE_TICKS_S = (10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
_LAG_TICKS_S = (1.0, 10.0, 60.0, 600.0, 3_600.0, 36_000.0)
_MARKED_S = tuple(life_s for life_s in LIVES_S if life_s >= 300.0)
_POINTS = 200
_HEIGHT_IN = 6.6


@chart
def refresh(measured: Measured) -> Figure:
    """What an access token's life costs and allows.

    Computed from the CPU that a refresh cost here, not measured at these lives. Above, cores of
    servers and store for the refreshes of a million users, all of them active: refreshes a second
    = users ÷ life; the band is the 95% interval of the measured cost. Level lines are what the
    same million costs with one GET /me a minute each, measured in the same run; a token pays that
    too, and its refreshes besides. Below, how long a revoked user stays in by the law: half a life
    on average, a whole one at worst. All axes are logarithmic; lower is better in both panels, and
    no life is best in both.
    """
    if not any(phase.scenario == "refresh" for phase in measured.reading.experiment.phases):
        raise NotAskedError("no refresh was asked for")
    found = refreshing_of(measured.reading, measured.results)
    if not found:
        raise NothingToDrawError("no refresh was measured, or its CPU time could not be read")
    figure = Figure(figsize=(WIDTH_IN, _HEIGHT_IN), layout="constrained")
    load, lag = figure.subplots(2, sharex=True, height_ratios=(1.25, 1))
    for refreshing in found:
        _load(load, measured, refreshing)
        _lag(lag, measured, refreshing)
    # The checks are the same whichever arm refreshes.
    _levels(load, measured, found[0])
    _scales(load, lag)
    return figure


def _load(axes: Axes, measured: Measured, refreshing: Refreshing) -> None:
    style = measured.styles[refreshing.arm]
    lives_s = np.geomspace(_FROM_S, _TO_S, _POINTS)
    intervals = [refreshing.cores(float(life_s)) for life_s in lives_s]
    _band(axes, lives_s, intervals, style.colour)
    means = [each.mean for each in intervals]
    label = f"refreshes of {refreshing.arm}"
    axes.plot(lives_s, means, color=style.colour, linestyle=style.line, linewidth=1.8, label=label)
    for life_s in _MARKED_S:
        cores = refreshing.cores(life_s).mean
        axes.plot(
            life_s,
            cores,
            marker=style.marker,
            markersize=7,
            color=style.colour,
            markerfacecolor=style.face,
        )
        text = f"{plain_seconds(life_s)}: {rate(refreshes_rps(life_s))}\n{number(cores)} cores"
        _note(axes, text, life_s, cores, right=False)


def _levels(axes: Axes, measured: Measured, refreshing: Refreshing) -> None:
    """GET /me by every arm that is no control and does not refresh, a line each."""
    ends_s = np.asarray([_FROM_S, _TO_S])
    for arm in refreshing.check_us:
        if measured.reading.experiment.arm(arm).is_control or arm == refreshing.arm:
            continue
        style, cores = measured.styles[arm], refreshing.check_cores(arm)
        _band(axes, ends_s, [cores, cores], style.colour)
        label = f"one GET /me a minute of {arm}: {number(cores.mean)} cores"
        axes.axhline(
            cores.mean, color=style.colour, linestyle=style.line, linewidth=1.3, label=label
        )


def _band(axes: Axes, x: np.ndarray, intervals: list[Interval], colour: str) -> None:
    if all(each.low is not None and each.high is not None for each in intervals):
        low = [each.low or 0.0 for each in intervals]
        high = [each.high or 0.0 for each in intervals]
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)


def _lag(axes: Axes, measured: Measured, refreshing: Refreshing) -> None:
    style = measured.styles[refreshing.arm]
    lives_s = [float(life_s) for life_s in np.geomspace(_FROM_S, _TO_S, _POINTS)]
    worst_s = [refreshing.worst_lag_s(life_s) for life_s in lives_s]
    mean_s = [refreshing.mean_lag_s(life_s) for life_s in lives_s]
    axes.plot(lives_s, worst_s, color=style.colour, linewidth=1.8, label="worst: a whole life")
    axes.plot(
        lives_s,
        mean_s,
        color=style.colour,
        linewidth=1.8,
        linestyle=(0, (4, 2)),
        label="mean: half a life",
    )
    for life_s in _MARKED_S:
        mean, worst = refreshing.mean_lag_s(life_s), refreshing.worst_lag_s(life_s)
        axes.plot(
            [life_s] * 2,
            [mean, worst],
            linestyle="",
            marker=style.marker,
            markersize=6,
            color=style.colour,
            markerfacecolor=style.face,
        )
        _note(axes, plain_seconds(mean), life_s, mean, right=True)
        axes.annotate(
            plain_seconds(worst), (life_s, worst), (-6, 5), textcoords="offset points",
            fontsize=8.5, ha="right", va="bottom",
        )  # fmt: skip


def _note(axes: Axes, text: str, x: float, y: float, *, right: bool) -> None:
    """Below a mark, on the side where no curve is."""
    axes.annotate(
        text,
        (x, y),
        (7 if right else -7, -5),
        textcoords="offset points",
        fontsize=8.5,
        ha="left" if right else "right",
        va="top",
    )


def _scales(load: Axes, lag: Axes) -> None:
    for axes in (load, lag):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.legend(loc="upper right" if axes is load else "upper left")
        for life_s in _MARKED_S:
            axes.axvline(life_s, color=SOFT, linestyle=":", linewidth=0.8, zorder=0)
    load.set_xlim(_FROM_S, _TO_S)
    load.set_title("load of refreshing, a million active users (computed from the measured cost)")
    load.set_ylabel("cores of servers + store")
    load.yaxis.set_major_locator(LogLocator(10))
    load.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    load.yaxis.set_minor_formatter(NullFormatter())
    lag.set_title("how long a revoked user stays in (computed from the law)")
    lag.set_ylabel("time since the revocation")
    lag.set_xlabel("life of an access token")
    for axis, ticks_s in ((lag.xaxis, _LIFE_TICKS_S), (lag.yaxis, _LAG_TICKS_S)):
        axis.set_major_locator(FixedLocator(ticks_s))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain_seconds(value)))

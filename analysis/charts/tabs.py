"""Whom rotation logs out for having several tabs open."""

from __future__ import annotations

from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from analysis.charts.chart import Measured, NotAskedError, NothingToDrawError, chart
from analysis.charts.drawing import figure_for_lines
from analysis.rotation import FalseLogouts, false_logouts
from analysis.units import plain_seconds

_LEGEND_COLUMNS = 4
# Lines that lie on each other stand side by side instead.
_ASIDE = 0.07

# The darkest line keeps this share of the strategy's colour.
_DARKEST = 0.25
_MARKERS = ("o", "s", "^", "D", "v", "P")

Place = tuple[str, float]


@chart
def tabs(measured: Measured) -> Figure:
    """False logouts: browsers that lost their login because their tabs refreshed.

    The tabs of a browser refreshed with the same token, each at a moment drawn evenly from the
    width a panel names, through several replicas; one line a grace, the time for which a rotated
    token is good, darker where it is longer. Bars are 95% intervals (Wilson). Lines are moved
    aside where they would cover each other. Lower is better; what a longer grace gives a thief is
    in the table.
    """
    experiment = measured.reading.experiment
    if not measured.phases("tabs"):
        raise NotAskedError("no tabs were asked for")
    found = list(false_logouts(experiment, measured.reading.browsers))
    if not found:
        raise NothingToDrawError("no browser told anything")
    places: dict[Place, list[FalseLogouts]] = {}
    for each in found:
        places.setdefault((each.phase, each.within_s), []).append(each)
    graces_s = {each.arm: each.grace_s for each in found}
    arms = sorted(graces_s, key=lambda arm: graces_s[arm])
    figure = figure_for_lines(len(arms), row_in=3.6)
    panels = figure.subplots(1, len(places), squeeze=False, sharey=True)[0]
    for axes, ((phase, within_s), mine) in zip(panels, places.items(), strict=True):
        _panel(axes, measured, mine, arms)
        suffix = measured.suffix(experiment.phase(phase))
        axes.set_title(f"tabs within {plain_seconds(within_s)}{suffix}")
    panels[0].set_ylabel("browsers logged out")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=_LEGEND_COLUMNS
    )
    return figure


def _panel(axes: Axes, measured: Measured, found: list[FalseLogouts], arms: list[str]) -> None:
    for arm, of_arm in groupby(found, key=lambda each: each.arm):
        mine, rank = list(of_arm), arms.index(arm)
        colour = _shade(measured.styles[arm].colour, rank / max(1, len(arms) - 1))
        aside = (rank - (len(arms) - 1) / 2) * _ASIDE
        below = [each.share - each.low for each in mine]
        above = [each.high - each.share for each in mine]
        axes.errorbar(
            [each.tabs + aside for each in mine],
            [each.share for each in mine],
            yerr=[below, above],
            color=colour,
            linestyle=measured.styles[arm].line,
            marker=_MARKERS[rank % len(_MARKERS)],
            markersize=5,
            capsize=3,
            linewidth=1.5,
            elinewidth=1.0,
            label=f"grace {plain_seconds(mine[0].grace_s)}" if mine[0].grace_s else "no grace",
        )
    axes.set_xlabel("tabs of a browser")
    axes.xaxis.set_major_locator(FixedLocator(sorted({each.tabs for each in found})))
    axes.set_ylim(-0.04, 1.04)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def _shade(colour: str, towards_dark: float) -> tuple[float, ...]:
    """The strategy's colour at 0, dark at 1: arms of one strategy keep its hue."""
    kept = 1 - (1 - _DARKEST) * towards_dark
    return tuple(kept * part for part in to_rgb(colour))

"""One arm's lags: a curve a load, its law, and how finely it was looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from analysis.charts.lag_bands import LagBand
from analysis.revocations.lags import LagGroup
from analysis.revocations.loads import usual
from analysis.revocations.spacing import Spacing
from analysis.style import SOFT, ArmStyle, LineStyle
from analysis.units import plain_seconds, seconds

_TICKS_S = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
_MOST_TICKS = 5
LAW = "#b03a00"
FLOOR = "#e6e6e6"


@dataclass(frozen=True, slots=True)
class Line:
    """How a curve is drawn; the `main` one stands in front and has its band."""

    style: LineStyle
    width: float
    main: bool = False


# Of loads beside the usual one, the least first.
LOAD_LINES = (Line("-.", 1.3), Line((0, (4, 1.5)), 1.3), Line((0, (7, 1.5)), 1.3))
ROLE = Line(":", 1.7)


@dataclass(frozen=True, slots=True)
class ArmLags:
    """What a panel shows: bands by phase, with the line of each, and of changed roles."""

    name: str
    bands: Mapping[str, LagBand]
    lines: Mapping[str, Line]
    role: LagBand | None
    main: str
    bound_s: float | None
    spacing: Spacing

    @classmethod
    def of(
        cls, name: str, groups: Sequence[LagGroup], lines: Mapping[str, Line], bound_s: float | None
    ) -> ArmLags:
        """`groups` are of one arm, at least one of them; roles are shown of the usual load."""
        revokes = {g.phase.name: g for g in groups if g.change == "revoke"}
        roles = {g.phase.name: g for g in groups if g.change == "role"}
        main = usual(group.phase for group in groups)
        key = main.name if main is not None else ""
        role = roles.get(key)
        return cls(
            name=name,
            bands={phase: LagBand.of(group.lines) for phase, group in revokes.items()},
            lines={phase: lines[phase] for phase in revokes},
            role=None if role is None else LagBand.of(role.lines),
            main=key,
            bound_s=bound_s,
            spacing=_shown_spacing(groups, key),
        )

    @property
    def resolution_s(self) -> float:
        return self.spacing.asked_s

    @property
    def order_s(self) -> float:
        """The median upper end, no finer than the resolution."""
        band = self.bands.get(self.main)
        if band is None:
            return math.inf
        return max(float(band.high[(band.trials - 1) // 2]), self.resolution_s)

    @property
    def longest_s(self) -> float | None:
        known = [b.longest_s for b in (*self.bands.values(), self.role) if b is not None]
        return max((lag for lag in known if lag is not None), default=None)


def _shown_spacing(groups: Sequence[LagGroup], main: str) -> Spacing:
    """Of revokes under the usual load, as the curve in front; else the widest asked for."""
    ranked = sorted(
        groups, key=lambda g: (g.phase.name == main, g.change == "revoke", g.spacing.asked_s)
    )
    return ranked[-1].spacing


def draw_panel(axes: Axes, arm: ArmLags, look: ArmStyle, left_s: float, right_s: float) -> None:
    _scales(axes, left_s, right_s)
    axes.axvspan(left_s, arm.resolution_s, color=FLOOR, linewidth=0, zorder=0)
    if arm.spacing.typical_s is not None:
        axes.plot([arm.spacing.typical_s] * 2, [-0.05, 0.05], color=SOFT, linewidth=1.4)
    if arm.bound_s:
        axes.axvline(arm.bound_s, color=LAW, linestyle=":", linewidth=1.3)
    if arm.role is not None:
        _curve(axes, arm.role, arm.resolution_s, SOFT, ROLE, (left_s, right_s))
    for phase, band in arm.bands.items():
        _curve(axes, band, arm.resolution_s, look.colour, arm.lines[phase], (left_s, right_s))
    _say(axes, arm)


def _scales(axes: Axes, left_s: float, right_s: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(left_s, right_s)
    axes.set_ylim(-0.05, 1.05)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(left_s, right_s)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: plain_seconds(value))
    axes.yaxis.set_major_locator(FixedLocator([0.0, 0.5, 1.0]))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def _ticks(left_s: float, right_s: float) -> list[float]:
    """No more than fit beside one another in a narrow panel."""
    inside = [t for t in _TICKS_S if left_s <= t <= right_s]
    return inside[:: -(-len(inside) // _MOST_TICKS) or 1]


def _curve(
    axes: Axes,
    band: LagBand,
    resolution_s: float,
    colour: str,
    line: Line,
    ends_s: tuple[float, float],
) -> None:
    x, surely, perhaps = band.steps(ends_s[0], resolution_s, ends_s[1])
    if line.main:
        axes.fill_between(x, surely, perhaps, step="post", color=colour, alpha=0.25, linewidth=0)
        axes.step(x, perhaps, where="post", color=colour, linewidth=0.8)
    front = 3 if line.main else 2.5
    axes.step(
        x,
        surely,
        where="post",
        color=colour,
        linewidth=line.width,
        linestyle=line.style,
        zorder=front,
    )


def _say(axes: Axes, arm: ArmLags) -> None:
    """Above the panel: whose it is, and the numbers that no curve can be read for."""
    band = arm.bands.get(arm.main)
    law = [] if arm.bound_s is None else [f"law {plain_seconds(arm.bound_s)}"]
    if arm.bound_s == 0:
        law = ["law: at once"]
    first = " · ".join([*([] if band is None else [_outcome(band, arm.spacing)]), *law])
    axes.set_title(arm.name, fontsize=9.5, pad=23)
    axes.annotate(
        f"{first}\n{_spacing(arm.spacing)}",
        (0.0, 1.0),
        (0, 2),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        fontsize=7.5,
        color="#333333",
    )


def _outcome(band: LagBand, spacing: Spacing) -> str:
    if band.never:
        return f"never refused: {band.never:,} of {band.trials:,}"
    longest_s = band.longest_s or 0.0
    if longest_s <= spacing.asked_s:
        return f"all {band.trials:,} ≤ {plain_seconds(spacing.asked_s)}"
    return f"longest of {band.trials:,}: {seconds(longest_s)}"


def _spacing(spacing: Spacing) -> str:
    if spacing.typical_s is None:
        return f"probes every {plain_seconds(spacing.asked_s)}"
    return f"probes every {plain_seconds(spacing.asked_s)} (achieved {seconds(spacing.typical_s)})"

"""How long a revoked user stays in: a panel an arm, a line a load."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.charts.chart import Measured, NothingToDrawError, chart
from analysis.charts.lag_panel import FLOOR, LAW, LOAD_LINES, ROLE, ArmLags, Line, draw_panel
from analysis.revocations.lags import lag_groups
from analysis.revocations.loads import by_load, load_text, usual
from analysis.style import SOFT, WIDTH_IN
from loadtests.model import Phase

_COLUMNS = 3
_PANEL_IN = 2.0
_LEGEND_IN = 0.9


@chart
def revocation(measured: Measured) -> Figure:
    """Revocation lag: how long a kicked user stayed in.

    The share of replica-trials that had refused for good, by the time since the revoke (kick or
    logout) was acknowledged; a panel an arm, the quickest first. Each band lies between the last
    request let in and the first refused, so the truth is inside it. The grey strip ends at the
    spacing asked of a replica's probes, the resolution: anything shorter, also a refusal before the
    acknowledgement, is drawn there; the tick beside it is the spacing achieved (the median of the
    trials' p99). A replica that never refused keeps its curve down. The red dotted line is what the
    law allows, not measured. Changed roles (grey): the share that no longer said the old role, over
    the usual load. Further left is better.
    """
    arms = _arms(measured)
    if not arms:
        raise NothingToDrawError("no revocation was acknowledged, or none was tried")
    columns = min(_COLUMNS, len(arms))
    rows = -(-len(arms) // columns)
    size = (WIDTH_IN, max(1, rows) * _PANEL_IN + _LEGEND_IN)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True)
    left_s, right_s = _ends(arms)
    for axes, arm in zip(grid.flat, arms, strict=False):
        draw_panel(axes, arm, measured.styles[arm.name], left_s, right_s)
    for index, axes in enumerate(grid.flat):
        if index >= len(arms):
            axes.set_visible(False)
        elif index + columns >= len(arms):
            axes.tick_params(labelbottom=True)
    figure.supxlabel("time since the revocation was acknowledged", fontsize=9.5)
    figure.supylabel("share that refuses by then", fontsize=9.5)
    handles = _legend(measured, arms)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)))
    return figure


def _arms(measured: Measured) -> list[ArmLags]:
    """The quickest first, by the median over the usual load; those that never refuse last."""
    reading = measured.reading
    told = [g for g in lag_groups(reading) if not reading.experiment.arm(g.arm).is_control]
    lines = _lines([group.phase for group in told if group.change == "revoke"])
    arms = []
    for name in dict.fromkeys(group.arm for group in told):
        mine = [group for group in told if group.arm == name]
        law = reading.law(name)
        arms.append(ArmLags.of(name, mine, lines, None if law is None else law.bound_s))
    return sorted(arms, key=lambda arm: arm.order_s)


def _lines(phases: Sequence[Phase]) -> dict[str, Line]:
    """How each phase's curve is drawn, the least loaded first; the usual one is plain."""
    distinct = {phase.name: phase for phase in phases}
    main = usual(distinct.values())
    others = [p.name for p in by_load(distinct.values()) if main is None or p.name != main.name]
    drawn = {name: LOAD_LINES[i % len(LOAD_LINES)] for i, name in enumerate(others)}
    return drawn if main is None else {main.name: Line("-", 1.7, main=True)} | drawn


def _ends(arms: Sequence[ArmLags]) -> tuple[float, float]:
    """The axis of every panel, so that they compare at a glance."""
    left_s = min(arm.resolution_s for arm in arms) / 3
    longest = [longest_s for arm in arms if (longest_s := arm.longest_s) is not None]
    bounds = [arm.bound_s for arm in arms if arm.bound_s]
    return left_s, 2 * max([*longest, *bounds, 1.0])


def _legend(measured: Measured, arms: Sequence[ArmLags]) -> list[Line2D | Patch]:
    phases = {p.name: p for p in measured.reading.experiment.phases}
    lines = {name: line for arm in arms for name, line in arm.lines.items()}
    loads = by_load(phases[name] for name in lines)
    handles: list[Line2D | Patch] = [
        Line2D(
            [],
            [],
            color="#222222",
            linestyle=lines[phase.name].style,
            linewidth=lines[phase.name].width,
            label=f"revokes at {load_text(phase, phases.values())} load",
        )
        for phase in loads
    ]
    handles.append(Patch(color="#222222", alpha=0.2, linewidth=0, label="between both ends"))
    if any(arm.role is not None for arm in arms):
        style, width = ROLE.style, ROLE.width
        label = "changed roles"
        handles.append(Line2D([], [], color=SOFT, linestyle=style, linewidth=width, label=label))
    handles.append(Line2D([], [], color=LAW, linestyle=":", label="the law's bound"))
    handles.append(Patch(color=FLOOR, linewidth=0, label="≤ spacing of probes"))
    return handles

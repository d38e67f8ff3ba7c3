"""One look for every chart: a colour a strategy, the same in all of them, in print and for the
colour-blind.

Colours are those of Okabe & Ito ("Color Universal Design", 2008), darkened for a second turn. A
strategy also has a marker; arms of one strategy differ by line style, and a control is the same
colour, dashed and hatched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

from matplotlib.colors import to_hex, to_rgb

from loadtests.model import Arm

LineStyle = Literal["-", "-.", ":"] | tuple[float, tuple[float, float]]

RC: Mapping[str, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "authbench",
}

WIDTH_IN = 9.0
SOFT = "#666666"

# Best known first, so that the commonest comparisons get the most distinct pairs.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vPXp*h<>d8"
_KNOWN = {"none": "#7A7A7A", "session_redis": "#0072B2", "jwt_hs256": "#D55E00"}
_KNOWN_MARKERS = {"none": "^", "session_redis": "o", "jwt_hs256": "s"}
_LINES: tuple[LineStyle, ...] = ("-", "-.", ":", (0, (7, 1.5)))
_CONTROL_LINE: LineStyle = (0, (3, 2))

# Servers, store, generator: shades of grey with hatches, so that they clash with no strategy.
PARTS = {
    "server": ("#4D4D4D", ""),
    "store": ("#A6A6A6", "////"),
    "generator": ("#F2F2F2", "..."),
}


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How one arm is drawn everywhere."""

    colour: str
    marker: str
    line: LineStyle
    hatch: str
    filled: bool

    @property
    def face(self) -> str:
        """What fills a marker: a control's stay hollow."""
        return self.colour if self.filled else "white"


def styles_of(arms: tuple[Arm, ...]) -> dict[str, ArmStyle]:
    """A style for each arm's name; the same strategies get the same colours in every run."""
    looks = _strategy_looks({arm.strategy for arm in arms})
    variants: dict[str, count[int]] = {}
    styles = {}
    for arm in arms:
        colour, marker = looks[arm.strategy]
        if arm.is_control:
            styles[arm.name] = ArmStyle(colour, marker, _CONTROL_LINE, "////", filled=False)
            continue
        variant = next(variants.setdefault(arm.strategy, count()))
        line = _LINES[variant % len(_LINES)]
        styles[arm.name] = ArmStyle(colour, marker, line, "", filled=True)
    return styles


def _strategy_looks(strategies: set[str]) -> dict[str, tuple[str, str]]:
    known = {name: (_KNOWN[name], _KNOWN_MARKERS[name]) for name in strategies & _KNOWN.keys()}
    colours = [c for c in _PALETTE if c not in _KNOWN.values()]
    colours += [_darker(c) for c in _PALETTE if c != "#000000"]
    markers = [m for m in _MARKERS if m not in _KNOWN_MARKERS.values()]
    for index, name in enumerate(sorted(strategies - _KNOWN.keys())):
        known[name] = (colours[index % len(colours)], markers[index % len(markers)])
    return known


def _darker(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return to_hex((red * 0.6, green * 0.6, blue * 0.6))

"""One look for every chart: a colour a strategy, the same in all of them, in print and for the
colour-blind.

Families share a hue: sessions blue, plain tokens orange to brown, tokens that can be taken back
violet. Within them shades were chosen so that any two strategies stay apart under the colour
vision of Machado, Oliveira & Fernandes ("A Physiologically-based Model for Simulation of Color
Vision Deficiency", 2009), protanopia and deuteranopia. A strategy also has a marker of its own;
arms of one strategy differ by line style, and a control is the same colour, dashed and hatched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

from matplotlib.colors import to_hex, to_rgb

from loadtests.model import Arm

LineStyle = Literal["-", "-.", ":"] | tuple[float, tuple[float, float]]
# A name of matplotlib's, or a star of (points, 1, turned by degrees).
Marker = str | tuple[int, Literal[1], int]

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

_KNOWN: Mapping[str, tuple[str, Marker]] = {
    "none": ("#7A7A7A", "^"),
    "session_redis": ("#0072B2", "o"),
    "session_redis_batched": ("#214FDB", "D"),
    "session_nearcache": ("#385C73", "v"),
    "session_tracking": ("#0B2D86", "P"),
    "jwt_hs256": ("#D55E00", "s"),
    "jwt_rs256": ("#463107", "<"),
    "jwt_es256": ("#AE704A", "*"),
    "jwt_eddsa": ("#F0CA55", "H"),
    "jwt_cached": ("#F5C59D", ">"),
    "jwt_denylist_redis": ("#43124D", "X"),
    "jwt_denylist_pubsub": ("#482133", "d"),
    "jwt_denylist_push": ("#D06CEB", "p"),
    "jwt_epoch": ("#DAA5BA", "8"),
    "jwt_refresh": ("#E99BE6", (4, 1, 0)),
}
# For strategies of the reader's own: Okabe & Ito ("Color Universal Design", 2008), then darkened.
_PALETTE = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS: tuple[Marker, ...] = ("h", (6, 1, 0), (3, 1, 0), (3, 1, 180), (8, 1, 0), (5, 1, 36))
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
    marker: Marker
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


def _strategy_looks(strategies: set[str]) -> dict[str, tuple[str, Marker]]:
    looks = {name: _KNOWN[name] for name in strategies & _KNOWN.keys()}
    colours = [*_PALETTE, *(_darker(c) for c in _PALETTE if c != "#000000")]
    for index, name in enumerate(sorted(strategies - _KNOWN.keys())):
        looks[name] = (colours[index % len(colours)], _MARKERS[index % len(_MARKERS)])
    return looks


def _darker(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return to_hex((red * 0.6, green * 0.6, blue * 0.6))

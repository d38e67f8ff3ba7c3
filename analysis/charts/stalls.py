"""Coordinated omission: the same stalls as several ways of measuring see them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from analysis.charts.chart import drawn
from analysis.charts.latency import nines
from analysis.style import SOFT, WIDTH_IN
from analysis.units import rate
from loadtests.model import StallPicture, WaitCurve

_NINES = (0.5, 0.9, 0.99, 0.999)
_LEAST_MS = 0.05
_TRUTH = "#BBBBBB"
# In the order of the file: the truth, the large pool, the small one thrice.
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": _TRUTH, "linewidth": 7.0, "solid_capstyle": "butt"},
    {"color": "#0072B2", "linewidth": 1.8},
    {"color": "#214FDB", "linewidth": 1.8, "linestyle": (0, (5, 2))},
    {"color": "#D55E00", "linewidth": 1.8},
    {"color": "#000000", "linewidth": 1.3, "linestyle": ":"},
)


def draw_stalls(picture: StallPicture) -> Figure:
    """Above when the server stalled, below percentiles, each step to the right another nine."""
    figure = Figure(figsize=(WIDTH_IN, 5.4), layout="constrained")
    when, waits = figure.subplots(2, height_ratios=[1, 9])
    _timeline(when, picture)
    for curve, look in zip(picture.curves, _LOOKS, strict=True):
        _line(waits, curve, look)
    waits.set_yscale("log")
    waits.set_ylim(bottom=_LEAST_MS)
    waits.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    waits.yaxis.set_minor_formatter(NullFormatter())
    waits.set_ylabel("ms")
    waits.set_xlabel("percentile")
    waits.set_xticks(nines(_NINES), labels=[f"{q * 100:g}%" for q in _NINES])
    waits.set_xlim(left=nines([0.5])[0])
    waits.set_title(f"how long requests took, at {rate(picture.rate_rps)}")
    figure.legend(loc="outside lower center", ncols=3, handlelength=3.2)
    return figure


def rendered(picture: StallPicture, *, png: bool) -> bytes:
    as_svg, as_png = drawn(lambda: draw_stalls(picture))
    return as_png if png else as_svg.encode()


def _timeline(axes: Axes, picture: StallPicture) -> None:
    spans = [(began_s, ended_s - began_s) for began_s, ended_s in picture.stalls_s]
    axes.broken_barh(spans, (0, 1), color=SOFT)
    axes.set_xlim(0, picture.duration_s)
    axes.set_yticks([])
    axes.set_title("when the server stalled (s)")
    axes.grid(visible=False)


def _line(axes: Axes, curve: WaitCurve, look: dict[str, Any]) -> None:
    # A log axis has no place for a wait of nothing.
    points = [
        (quantile, value)
        for quantile, value in zip(curve.quantiles, curve.values_ms, strict=True)
        if value > 0
    ]
    quantiles, values_ms = zip(*points, strict=True) if points else ((), ())
    axes.plot(nines(quantiles), values_ms, label=curve.name, **look)

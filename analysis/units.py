"""Numbers as people read them: three significant digits and the unit that suits them."""

from __future__ import annotations

import math

from loadtests.model import Phase

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SIZES = ((2.0**20, "MiB"), (2.0**10, "KiB"))


def number(value: float) -> str:
    """At least three significant digits: 12,345 / 123 / 12.3 / 1.23 / 0.0123 / 0."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.3g}")))))
    return f"{value:,.{decimals}f}"


def seconds(value_s: float) -> str:
    """15 min, 1.20 s, 3.40 ms, 120 µs."""
    if value_s >= 60:
        return f"{value_s / 60:.3g} min"
    if value_s == 0:
        return "0 s"
    factor, unit = next(((f, u) for f, u in _TIMES if abs(value_s) >= f * 0.9995), (1e-6, "µs"))
    return f"{number(value_s / factor)} {unit}"


def plain_seconds(value_s: float) -> str:
    """A time someone chose, as short as it can be said: 2 ms, 15 min."""
    longer = ((3600.0, "h"), (60.0, "min"), *_TIMES)
    factor, unit = next(((f, u) for f, u in longer if value_s >= f * 0.9995), (1e-6, "µs"))
    return f"{value_s / factor:.4g} {unit}"


def size(value_bytes: float) -> str:
    """512 B, 1.50 KiB, 2.00 MiB."""
    for factor, unit in _SIZES:
        if value_bytes >= factor:
            return f"{number(value_bytes / factor)} {unit}"
    return f"{number(value_bytes)} B"


def share(value: float) -> str:
    """A fraction as a percentage: 0%, 0.012%, 3.40%."""
    return f"{number(value * 100)}%"


def rate(value_rps: float) -> str:
    return f"{number(value_rps)} req/s"


def offered(phase: Phase) -> str:
    """`2,000 req/s`, and how much further the store was where that was asked; else the name."""
    if phase.load.rate_rps is None:
        return phase.name
    if phase.store_delay_s is None:
        return rate(phase.load.rate_rps)
    return f"{rate(phase.load.rate_rps)}, store {further(phase.store_delay_s)}"


def further(delay_s: float) -> str:
    """What is added to a round trip: `+2 ms`, `+0`."""
    return f"+{plain_seconds(delay_s)}" if delay_s else "+0"


def span(low: str, high: str) -> str:
    """Two formatted ends of an interval, a unit both share said once: `1.20–1.40 ms`."""
    number_text, _, unit = low.partition(" ")
    return f"{number_text if unit and high.endswith(f' {unit}') else low}–{high}"

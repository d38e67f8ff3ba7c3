"""What `make calibrate` ends in: goal, measured, pass or fail, and the generator's own limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.box import SIMPLE
from rich.table import Table

from loadtests.model import Calibration, CalibrationCheck, GeneratorLimits

# Right of a cell only: the table then fits 80 columns.
_TIGHT = (0, 1, 0, 0)
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow", "left out": "dim"}


def checks_table(calibration: Calibration) -> Table:
    """One line a check, 80 columns wide; reasons stand in `remarks`."""
    table = Table(
        box=SIMPLE, title="against a known answer (times in ms)", padding=_TIGHT, pad_edge=False
    )
    for heading in ("driven", "read"):
        table.add_column(heading, no_wrap=True)
    for heading in ("true", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("goal", ""):
        table.add_column(heading, no_wrap=True)
    last = ""
    for check in calibration.checks:
        if last not in {"", check.about}:
            table.add_section()
        about = "" if check.about == last else check.about
        outcome = f"[{_STYLES[check.outcome]}]{check.outcome}[/]"
        values = _value(check, check.truth), _value(check, check.measured)
        table.add_row(about, check.quantity, *values, check.goal, outcome)
        last = check.about
    return table


def limits_table(limits: GeneratorLimits) -> Table:
    table = Table(box=SIMPLE, title="how late requests leave (sent − due)", pad_edge=False)
    for heading in ("asked req/s", "offered", "p50 µs", "p99 µs"):
        table.add_column(heading, justify="right")
    table.add_column("in time")
    for limit in limits.dispatch:
        table.add_row(
            f"{limit.rate_rps:,.0f}",
            f"{limit.offered_share:.1%}",
            f"{limit.lag_p50_us:,.0f}",
            f"{limit.lag_p99_us:,.0f}",
            "yes" if limit.in_time else "no",
        )
    return table


def remarks(calibration: Calibration) -> Iterator[str]:
    """Why checks were left out, or what else is to be known of those that did not pass."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for check in calibration.checks:
        if check.reason is not None:
            key = (check.about, check.outcome, check.reason)
            told.setdefault(key, []).append(check.quantity)
    for (about, outcome, reason), quantities in told.items():
        yield f"{outcome}, {about}: {', '.join(quantities)}: {reason}"


def closing_lines(calibration: Calibration) -> Iterator[str]:
    limits = calibration.limits
    if limits is not None:
        yield (
            f"one generator: {limits.max_rps:,.0f} requests per second of its core, "
            f"{limits.cpu_us_per_request:.1f} µs of CPU each ({limits.reached_rps:,.0f} req/s at "
            f"{limits.busy:.0%} of it, against {limits.against})"
        )
    counts = Counter(check.outcome for check in calibration.checks)
    yield (
        f"{counts['pass']} passed, {counts['fail']} failed, {counts['undecided']} undecided, "
        f"{counts['left out']} left out"
    )


def _value(check: CalibrationCheck, value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.3f}" if check.unit == "ms" else f"{value:,.0f}"

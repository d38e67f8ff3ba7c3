"""What a lag let in, and what longer lives would: computed where it says so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.revocations.exposure import RATES_RPS, Expected, Exposure
from analysis.revocations.lags import LagGroup
from analysis.revocations.lives import ComputedLife
from analysis.revocations.loads import load_text, offered
from analysis.units import number, plain_seconds, span

_COMPUTED = (
    "Computed, not counted: rate × lag, for one user whose requests reach all replicas alike; on "
    "average between two bounds, as the lag is known between two, and in the worst case."
)
_COUNTED = (
    "Counted: probes accepted after the acknowledgement, of those sent before the first lasting "
    "refusal; they come at the probes' own rate. Most: in one replica-trial."
)
_LIVES = (
    "Computed from laws that held on lives of seconds, not measured: revoked at a moment drawn "
    "evenly from a credential's life, a user stays in for life ÷ 2 + leeway on average and for "
    "life + leeway at worst. Accepted: that lag × the user's rate."
)
_NO_MEAN = (
    "Where something else usually ends a credential sooner, as a message that may be lost does, "
    "only the worst follows from the law."
)


def exposure_table(summary: Summary, groups: Iterable[LagGroup]) -> Table:
    rows = []
    for group in groups:
        exposure = Exposure.of(group.lines)
        of = f" of {exposure.at_risk:,}" if exposure.at_risk else ""
        computed = (_expected(exposure.expected(rate_rps)) for rate_rps in RATES_RPS)
        counted = f"{exposure.accepted:,}{of}", f"{exposure.most:,}"
        rows.append((*place_of(summary, group), *computed, *counted))
    computed_columns = (f"at {rate_rps:g} req/s, computed" for rate_rps in RATES_RPS)
    return Table(
        "Exposure: requests of a revoked user that were let in after the acknowledgement",
        ("arm", "load", *computed_columns, "counted by probes", "most"),
        tuple(rows),
        (_COMPUTED, _COUNTED),
    )


def lives_table(lives: Sequence[ComputedLife]) -> Table:
    alike: dict[tuple[float, float, float | None, float], list[str]] = {}
    for life in lives:
        key = (life.life_s, life.leeway_s, life.mean_lag_s, life.worst_lag_s)
        alike.setdefault(key, []).append(life.arm)
    rows = []
    for key in sorted(alike, key=lambda key: key[:2]):
        life_s, leeway_s, mean_s, worst_s = key
        leeway = f" + {plain_seconds(leeway_s)} leeway" if leeway_s else ""
        rows.append(
            (
                f"{plain_seconds(life_s)}{leeway}",
                "\n".join(alike[key]),
                NOTHING if mean_s is None else plain_seconds(mean_s),
                plain_seconds(worst_s),
                *(_let_in(mean_s, worst_s, rate_rps) for rate_rps in RATES_RPS),
            )
        )
    rates = (f"accepted at {rate_rps:g} req/s" for rate_rps in RATES_RPS)
    return Table(
        "Computed from the laws, not measured: what longer lives would mean",
        ("life", "arms", "mean lag", "worst lag", *rates),
        tuple(rows),
        (_LIVES, *([_NO_MEAN] if any(life.mean_lag_s is None for life in lives) else [])),
    )


def place_of(summary: Summary, group: LagGroup) -> tuple[str, str]:
    """The arm, and the load asked for with what was really offered."""
    said = load_text(group.phase, summary.reading.experiment.phases)
    load = offered(group.lines)
    if load is None:
        return group.arm, said
    ends = [f"{share:.0%}" for share in load]
    really = ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix('%')}–{ends[1]}"
    return group.arm, f"{said}\n(offered {really})"


def _let_in(mean_s: float | None, worst_s: float, rate_rps: float) -> str:
    worst = f"worst {number(worst_s * rate_rps)}"
    return worst if mean_s is None else f"mean {number(mean_s * rate_rps)}\n{worst}"


def _expected(expected: Expected) -> str:
    if math.isinf(expected.mean_high):
        return "without end"
    low, high = _requests(expected.mean_low), _requests(expected.mean_high)
    mean = high if low in {high, "0"} and high.startswith("<") else span(low, high)
    return f"{low if low == high else mean}\nworst {_requests(expected.worst)}"


def _requests(count: float) -> str:
    """No finer than anybody cares: of less than one, hundredths."""
    if 0 < count < 0.005:
        return "< 0.01"
    return number(count) if count >= 1 or count == 0 else f"{count:.2f}"

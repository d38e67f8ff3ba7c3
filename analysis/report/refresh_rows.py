"""What summary.json says of refreshing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.reading import Reading
from analysis.refreshing import LIVES_S, Refreshing, refreshes_rps, refreshing_of
from analysis.report.rounding import rounded
from analysis.results import Result
from analysis.rotation import FalseLogouts, Window, false_logouts, windows
from analysis.stats import Interval


def refresh_rows(reading: Reading, results: Sequence[Result]) -> dict[str, list[dict[str, Any]]]:
    """`refresh`, `false_logouts` and `grace`; empty for a run that refreshed nothing."""
    experiment, lines = reading.experiment, reading.browsers
    return {
        "refresh": [_refresh_row(each) for each in refreshing_of(reading, results)],
        "false_logouts": [_logouts_row(each) for each in false_logouts(experiment, lines)],
        "grace": [_grace_row(each) for each in windows(experiment, lines)],
    }


def _refresh_row(refreshing: Refreshing) -> dict[str, Any]:
    return {
        "arm": refreshing.arm,
        "phase": refreshing.phase,
        "cost_us": _interval(refreshing.refresh_us),
        "in_checks": {arm: _interval(ratio) for arm, ratio in refreshing.in_checks.items()},
        "computed": [
            {
                "life_s": life_s,
                "refreshes_rps": rounded(refreshes_rps(life_s)),
                "cores": _interval(refreshing.cores(life_s)),
                "lag_mean_s": rounded(refreshing.mean_lag_s(life_s)),
                "lag_worst_s": rounded(refreshing.worst_lag_s(life_s)),
            }
            for life_s in LIVES_S
        ],
    }


def _logouts_row(each: FalseLogouts) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "phase": each.phase,
        "grace_s": each.grace_s,
        "within_s": each.within_s,
        "tabs": each.tabs,
        "browsers": each.browsers,
        "logged_out": each.logged_out,
        "share": rounded(each.share),
        "low": rounded(each.low),
        "high": rounded(each.high),
    }


def _grace_row(each: Window) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "phase": each.phase,
        "grace_s": each.grace_s,
        "thefts": each.thefts,
        "replays": each.replays,
        "accepted_until_s": rounded(each.accepted_until_s),
        "refused_from_s": rounded(each.refused_from_s),
        "families_ended": each.families_ended,
        "verdict": each.verdict,
        "reason": each.reason,
    }


def _interval(interval: Interval) -> dict[str, float | None]:
    return {
        "value": rounded(interval.mean),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
    }

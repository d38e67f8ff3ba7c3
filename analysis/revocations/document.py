"""Laws, lags and computed lives as they stand in summary.json."""

from __future__ import annotations

import math
from typing import Any

from analysis.revocations.exposure import RATES_RPS, Exposure
from analysis.revocations.lags import LagGroup, Lags
from analysis.revocations.laws import Breach, TriedLaw
from analysis.revocations.lives import ComputedLife
from analysis.revocations.loads import load_of, offered
from analysis.revocations.words import law_sentence


def law_row(law: TriedLaw) -> dict[str, Any]:
    return {
        "arm": law.arm,
        "bound_s": law.bound_s,
        "verdict": law.verdict,
        "reason": law.reason,
        "sentence": law_sentence(law),
        "within_s": law.within_s,
        "trials": law.trials,
        "replica_trials": law.replica_trials,
        "proven_max_s": _finite(law.proven_max_s),
        "possible_max_s": _finite(law.possible_max_s),
        "failure_rate_below": _finite(law.failure_rate_below),
        "trial_failure_rate_below": _finite(law.trial_failure_rate_below),
        "breach": None if law.breach is None else _breach(law.breach),
        "revokes_ok": law.counts.revokes_ok,
        "revokes_refused": law.counts.revokes_refused,
        "revokes_indeterminate": law.counts.revokes_indeterminate,
        "false_accepts": law.counts.false_accepts,
        "reaccepted": law.counts.reaccepted,
        "false_rejects": law.counts.false_rejects,
    }


def lag_rows(group: LagGroup) -> list[dict[str, Any]]:
    """One of every replica, one of the worst replica of each trial."""
    load = offered(group.lines)
    where = {
        "arm": group.arm,
        "phase": group.phase.name,
        "change": group.change,
        "load_asked": load_of(group.phase),
        "load_offered": None if load is None else [_finite(share) for share in load],
    }
    spacing = {
        "probe_every_s": group.spacing.asked_s,
        "spacing_p99_s": _finite(group.spacing.typical_s),
        "spacing_p99_worst_s": _finite(group.spacing.worst_s),
        "wide_gaps": group.spacing.wide_gaps,
    }
    every = where | {"of": "replica"} | _quantiles(group.replica) | spacing
    worst = where | {"of": "worst_replica"} | _quantiles(group.worst) | spacing
    seen = {"reaccepted": group.reaccepted, "exposure": _exposure(Exposure.of(group.lines))}
    return [every | seen, worst | dict.fromkeys(seen)]


def life_row(life: ComputedLife) -> dict[str, Any]:
    return {
        "arm": life.arm,
        "life_s": life.life_s,
        "leeway_s": life.leeway_s,
        "mean_lag_s": life.mean_lag_s,
        "worst_lag_s": life.worst_lag_s,
    }


def _quantiles(lags: Lags) -> dict[str, Any]:
    return {
        "trials": lags.trials,
        "never_refused": lags.never,
        "p50_s": _finite(lags.quantile_s(0.5)),
        "p99_s": _finite(lags.quantile_s(0.99)),
        "p99_median_of_blocks_s": _finite(lags.median_of_blocks_s(0.99)),
        "max_s": _finite(lags.quantile_s(1.0)),
    }


def _exposure(exposure: Exposure) -> dict[str, Any]:
    return {
        "accepted": exposure.accepted,
        "at_risk": exposure.at_risk,
        "most": exposure.most,
        "computed": [
            {
                "rate_rps": rate_rps,
                "mean_low": _finite(exposure.expected(rate_rps).mean_low),
                "mean_high": _finite(exposure.expected(rate_rps).mean_high),
                "worst": _finite(exposure.expected(rate_rps).worst),
            }
            for rate_rps in RATES_RPS
        ],
    }


def _breach(breach: Breach) -> dict[str, Any]:
    line = breach.line
    return {
        "block": line.block,
        "phase": line.phase,
        "trial": line.trial,
        "replica": line.replica,
        "how": line.how,
        "lag_low_s": _finite(line.lag_low_s),
        "allowed_s": _finite(breach.allowed_s),
    }


def _finite(value: float | None) -> float | None:
    """Seven significant digits, as everywhere in summary.json; null for what has no end."""
    return None if value is None or math.isinf(value) else float(f"{value:.7g}")

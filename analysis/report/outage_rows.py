"""What outages did, for machines: lists in summary.json, and outages.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from analysis.outages import Pair, Revokes, Spread
from analysis.report.rounding import rounded

OUTAGES_CSV = "outages.csv"


def outage_lists(pairs: Sequence[Pair], revokes: Sequence[Revokes]) -> dict[str, Any]:
    """`outages` and `outage_revokes` of summary.json; neither in a run without outages."""
    if not pairs:
        return {}
    return {
        "outages": [_pair_row(pair) for pair in pairs],
        "outage_revokes": [_revokes_row(each) for each in revokes],
    }


def outages_csv(pairs: Sequence[Pair]) -> str:
    """The rows of `outages`, null as an empty field. `pairs` is not empty."""
    rows = [_pair_row(pair) for pair in pairs]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _pair_row(pair: Pair) -> dict[str, Any]:
    measured = bool(pair.trials)
    return {
        "arm": pair.arm,
        "phase": pair.phase,
        "fault": pair.fault.name,
        "trials": len(pair.trials),
        "missing": pair.missing,
        "impossible": pair.impossible,
        **_spread("success_down", "", pair.success_down),
        **_spread("first_error_after", "_s", pair.first_error_after_s),
        "failed_with": pair.failed_with,
        "worst_response_s": rounded(pair.worst_response_s) if measured else None,
        **_spread("recovery", "_s", pair.recovery_s),
        "never_recovered": pair.never_recovered,
        "ended_too_soon": pair.ended_too_soon,
        "hung": pair.total(lambda trial: trial.hung),
        "revokes_ok": pair.total(lambda trial: trial.revokes_ok),
        "revokes_refused": pair.total(lambda trial: trial.revokes_refused),
        "revokes_indeterminate": pair.total(lambda trial: trial.revokes_indeterminate),
        "probes": pair.total(lambda trial: trial.probes),
        "accepted_after_ack": pair.total(lambda trial: trial.accepted_after_ack),
        "accepted_after_ack_worst_s": _worst(pair, "accepted_after_ack_worst_s"),
        "false_accepts": pair.total(lambda trial: trial.false_accepts),
        "false_accept_worst_s": _worst(pair, "false_accept_worst_s"),
        "false_rejects": pair.total(lambda trial: trial.false_rejects),
        "logged_out": pair.total(lambda trial: trial.logged_out),
        "policy": pair.policy,
        "policy_held": not pair.broken if measured else None,
        "policy_why": pair.broken[0].policy_why if pair.broken else None,
        "added_delay_p50_s": _worst(pair, "added_delay_p50_s"),
        "added_delay_p99_s": _worst(pair, "added_delay_p99_s"),
    }


def _revokes_row(each: Revokes) -> dict[str, Any]:
    return {
        "arm": each.arm,
        "is_push": each.is_push,
        "revokes_ok": each.ok,
        "revokes_judged": each.judged,
        "revokes_refused": each.refused,
        "revokes_indeterminate": each.indeterminate,
        "probes": each.probes,
        "accepted_after_ack": each.accepted_after_ack,
        "accepted_after_ack_worst_s": rounded(each.accepted_after_ack_worst_s),
        "false_accepts": each.false_accepts,
        "false_accept_worst_s": rounded(each.false_accept_worst_s),
        "rate_below": rounded(each.rate_below),
        "untested": each.untested,
    }


def _spread(name: str, unit: str, spread: Spread | None) -> dict[str, float | None]:
    median, low, high = spread or (None, None, None)
    return {
        f"{name}{unit}": rounded(median),
        f"{name}_low{unit}": rounded(low),
        f"{name}_high{unit}": rounded(high),
    }


def _worst(pair: Pair, field: str) -> float | None:
    return rounded(pair.worst(lambda trial: getattr(trial, field)))

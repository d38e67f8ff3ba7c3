"""A comparison of two runs as JSON: the fields of docs/results-format.md, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.report.numbers import rounded
from analysis.report.summary import Summary
from analysis.runs.changes import Change, RunComparison
from analysis.runs.page import warnings_of
from loadtests.model import SCHEMA


def as_json(comparison: RunComparison, before: Path, after: Path) -> str:
    document = {
        "schema": SCHEMA,
        "warnings": list(warnings_of(comparison)),
        "a": _run(before, comparison.before),
        "b": _run(after, comparison.after),
        "differences": [
            {"what": each.what, "a": each.before, "b": each.after}
            for each in comparison.differences
        ],
        "only_in_a": list(comparison.only_in_a),
        "only_in_b": list(comparison.only_in_b),
        "comparisons": [_row(change) for change in comparison.changes],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _run(folder: Path, summary: Summary) -> dict[str, Any]:
    run = summary.reading.run
    return {
        "folder": str(folder),
        "verdict": summary.verdict,
        "experiment": run.experiment.name,
        "blocks": int(summary.reading.frame["block"].nunique()),
        "started_at": run.started_at,
        "git_commit": run.git_commit,
    }


def _row(change: Change) -> dict[str, Any]:
    result, ratio = change.before, change.ratio
    return {
        "arm": result.arm,
        "phase": result.phase,
        "scenario": result.scenario,
        "endpoint": result.endpoint,
        "metric": result.metric.name,
        "unit": result.metric.unit,
        "a": rounded(result.value),
        "b": rounded(change.after.value),
        "ratio": None if ratio is None else rounded(ratio.mean),
        "low": None if ratio is None else rounded(ratio.low),
        "high": None if ratio is None else rounded(ratio.high),
        "aa_floor": rounded(change.floor),
        "verdict": change.verdict,
        "reason": change.reason,
        "minimum_detectable_effect": rounded(change.outlook.minimum_detectable_effect),
        "more_blocks": change.outlook.more_blocks,
    }

"""What a run shows, whole: the verdict, the results, the comparisons, and both as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from analysis.compare import Comparison, Floor, comparisons_of, floors_of
from analysis.distances import Crossover, crossovers
from analysis.findings import findings_of
from analysis.frontier.rows import frontier_rows
from analysis.gates import Judged, judge_gates
from analysis.metrics import METRICS
from analysis.outages import Pair, Revokes, pairs_of, revokes_of
from analysis.reading import Reading
from analysis.report.outage_rows import outage_lists
from analysis.report.refresh_rows import refresh_rows
from analysis.report.rounding import rounded
from analysis.results import Result, results_of
from analysis.revocations.document import lag_rows, law_row, life_row
from analysis.revocations.lags import LagGroup, lag_groups
from analysis.revocations.laws import TriedLaw, laws_on_trial
from analysis.revocations.lives import ComputedLife, computed_lives
from loadtests.gates import Gate, read_rule
from loadtests.model import SCHEMA, Finding
from loadtests.run_store import RUN_FILE

RunVerdict = Literal["VALID", "INVALID"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the report says, before it is put into words."""

    reading: Reading
    verdict: RunVerdict
    findings: tuple[Finding, ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    floors: tuple[Floor, ...]
    gates: tuple[Judged, ...] = ()
    laws: tuple[TriedLaw, ...] = ()
    lags: tuple[LagGroup, ...] = ()
    lives: tuple[ComputedLife, ...] = ()
    outages: tuple[Pair, ...] = ()
    revokes: tuple[Revokes, ...] = ()

    @property
    def only_outages(self) -> bool:
        """Whether faults are all that was asked for, so that nothing else can be missing."""
        return bool(self.outages) and {pair.phase for pair in self.outages} == {
            phase.name for phase in self.reading.experiment.phases
        }


def summarise(reading: Reading, rules: Sequence[str] = ()) -> Summary:
    """`rules` are gates beside the experiment's own. Raises ConfigurationError for a bad one."""
    gates = _gates(reading, rules)
    results = tuple(results_of(reading, METRICS.values()))
    floors = tuple(floors_of(results))
    laws = laws_on_trial(reading)
    findings = tuple(findings_of(reading, results, floors, laws))
    outages = pairs_of(reading)
    return Summary(
        reading=reading,
        verdict="INVALID" if any(f.severity == "invalid" for f in findings) else "VALID",
        findings=tuple(sorted(findings, key=lambda finding: finding.severity != "invalid")),
        results=results,
        comparisons=tuple(comparisons_of(reading.experiment, results, floors)),
        floors=floors,
        gates=tuple(judge_gates(gates, results)),
        laws=laws,
        lags=tuple(lag_groups(reading)),
        lives=tuple(computed_lives(reading, laws)),
        outages=outages,
        revokes=revokes_of(reading, outages),
    )


def as_json(summary: Summary) -> str:
    """summary.json: the fields of docs/results-format.md, and no others."""
    document = {
        "schema": SCHEMA,
        "verdict": summary.verdict,
        "findings": [_finding_row(finding) for finding in summary.findings],
        "arms": {
            arm.name: {
                "strategy": arm.strategy,
                "replicas": arm.replicas,
                "carrier": arm.carrier,
                "settings": dict(arm.settings),
                "state_bytes": arm.state_bytes,
                "impossible": summary.reading.impossible.get(arm.name),
            }
            for arm in summary.reading.experiment.arms
        },
        "results": [_result_row(result) for result in summary.results],
        "comparisons": [_comparison_row(comparison) for comparison in summary.comparisons],
        "aa_floor": [_floor_row(floor) for floor in summary.floors],
        "gates": [_gate_row(judged) for judged in summary.gates],
        "crossovers": [_crossover_row(found) for found in crossovers(summary.reading)],
        "frontier": [
            {name: rounded(v) if isinstance(v, float) else v for name, v in row.items()}
            for row in frontier_rows(summary.reading, summary.results, summary.comparisons)
        ],
        "laws": [law_row(law) for law in summary.laws],
        "revocation_lags": [row for group in summary.lags for row in lag_rows(group)],
        "computed_lives": [life_row(life) for life in summary.lives],
        **refresh_rows(summary.reading, summary.results),
        **outage_lists(summary.outages, summary.revokes),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(summary: Summary) -> str:
    """summary.csv: the results, a row each, null as an empty field."""
    rows = [_result_row(result) for result in summary.results]
    columns = ["arm", "phase", "scenario", "endpoint", "metric", "value", "low", "high"]
    file = io.StringIO()
    writer = csv.DictWriter(file, [*columns, "unit", "blocks", "reason"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _gates(reading: Reading, rules: Sequence[str]) -> tuple[Gate, ...]:
    experiment = reading.experiment
    own = (
        read_rule(rule, experiment, f"{RUN_FILE}: experiment.gates.{number}")
        for number, rule in enumerate(experiment.gates)
    )
    return (*own, *(read_rule(rule, experiment, "--gate") for rule in rules))


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "severity": finding.severity,
        "arm": finding.arm,
        "phase": finding.phase,
        "message": finding.message,
        "advice": finding.advice,
    }


def _result_row(result: Result) -> dict[str, Any]:
    return {
        "arm": result.arm,
        "phase": result.phase,
        "scenario": result.scenario,
        "endpoint": result.endpoint,
        "metric": result.metric.name,
        "value": rounded(result.value),
        "low": rounded(result.low),
        "high": rounded(result.high),
        "unit": result.metric.unit,
        "blocks": result.blocks,
        "reason": result.reason,
    }


def _comparison_row(comparison: Comparison) -> dict[str, Any]:
    return {
        "phase": comparison.phase,
        "scenario": comparison.scenario,
        "endpoint": comparison.endpoint,
        "metric": comparison.metric.name,
        "reference": comparison.reference,
        "candidate": comparison.candidate,
        "ratio": rounded(comparison.ratio),
        "low": rounded(comparison.low),
        "high": rounded(comparison.high),
        "verdict": comparison.verdict,
        "reason": comparison.reason,
        "minimum_detectable_effect": rounded(comparison.outlook.minimum_detectable_effect),
        "more_blocks": comparison.outlook.more_blocks,
    }


def _floor_row(floor: Floor) -> dict[str, Any]:
    return {
        "phase": floor.phase,
        "endpoint": floor.endpoint,
        "metric": floor.metric.name,
        "value": rounded(floor.value),
    }


def _gate_row(judged: Judged) -> dict[str, Any]:
    return {
        "rule": str(judged.gate),
        "outcome": judged.outcome,
        "value": rounded(judged.value),
        "low": rounded(judged.low),
        "high": rounded(judged.high),
        "reason": judged.reason,
    }


def _crossover_row(found: Crossover) -> dict[str, Any]:
    interval = found.interval_ms
    return {
        "look_up": found.look_up,
        "rival": found.rival,
        "value_ms": rounded(interval.mean if interval else None),
        "low_ms": rounded(interval.low if interval else None),
        "high_ms": rounded(interval.high if interval else None),
        "nearest_ms": rounded(found.nearest_ms),
        "furthest_ms": rounded(found.furthest_ms),
        "blocks": len(found.by_block),
        "always": found.at_once,
        "never": found.never,
    }

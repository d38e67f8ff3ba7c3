"""An A/A run's outcome as JSON: the fields of docs/results-format.md, and no others."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from analysis.aa.components import Components
from analysis.aa.coverage import Misses
from analysis.aa.simulation import Simulated
from analysis.aa.trust import Floors, Trust
from analysis.aa.twins import Place
from analysis.report.numbers import rounded
from loadtests.model import SCHEMA


def as_json(trust: Trust) -> str:
    document = {
        "schema": SCHEMA,
        "verdict": trust.summary.verdict,
        "passed": trust.passed,
        "goals": [dataclasses.asdict(goal) for goal in trust.goals],
        "twins": list(trust.twins),
        "pairs": [list(pair) for pair in trust.pairs],
        "floors": [_floors_row(floors) for floors in trust.floors],
        "misses": [_misses_row(misses) for misses in trust.misses],
        "components": [
            _components_row(place, components) for place, components in trust.components.items()
        ],
        "simulated": [
            _simulated_row(place, each) for place, of in trust.simulated.items() for each in of
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _place(place: Place) -> dict[str, Any]:
    return {"phase": place.phase, "endpoint": place.endpoint, "metric": place.metric.name}


def _floors_row(floors: Floors) -> dict[str, Any]:
    return {
        **_place(floors.place),
        "whole": rounded(floors.whole),
        "median_of_five_blocks": rounded(floors.median),
        "largest_of_five_blocks": rounded(floors.largest),
    }


def _misses_row(misses: Misses) -> dict[str, Any]:
    return {
        **_place(misses.place),
        "family": misses.family,
        "trials": misses.trials,
        "missed": misses.missed,
        "p": rounded(misses.p),
    }


def _components_row(place: Place, components: Components) -> dict[str, Any]:
    return {
        **_place(place),
        "block": rounded(components.block),
        "round": rounded(components.round),
        "arm_block": rounded(components.arm_block),
        "slice": rounded(components.slice),
        "rounds": components.rounds,
        "ratio_sd": rounded(components.ratio_sd),
    }


def _simulated_row(place: Place, simulated: Simulated) -> dict[str, Any]:
    shares = dataclasses.asdict(simulated)
    return {**_place(place), **shares, "detectable": rounded(simulated.detectable)}

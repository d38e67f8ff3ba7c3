"""The frontier's part of a report: a sentence, a table, and what the page's tool is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analysis.frontier import Frontier, NoFrontierError, frontier_of
from analysis.frontier.choice import (
    STOPS_S,
    USUAL_STOP,
    WISHES,
    Candidate,
    candidates_of,
    choose,
)
from analysis.frontier.facts import NOT_SAID, facts_of, others, p99_text, store_down, stores
from analysis.frontier.points import Point
from analysis.report.frontier_canvas import Canvas, canvases
from analysis.report.summary import Summary
from analysis.report.tables import Table
from analysis.style import styles_of
from analysis.units import number, plain_seconds, span
from loadtests.model import Experiment


@dataclass(frozen=True, slots=True)
class Switch:
    """A wish as the page offers it; `is_known`: the run notes what it asks for."""

    key: str
    label: str
    is_known: bool


@dataclass(frozen=True, slots=True)
class FrontierPart:
    """`sentence` is the choice at the usual settings; `document` what the page's script reads."""

    sentence: str
    table: Table
    remarks: tuple[str, ...]
    switches: tuple[Switch, ...]
    stops: tuple[str, ...]
    usual_stop: int
    canvases: tuple[Canvas, ...]
    document: dict[str, Any]


def frontier_part(summary: Summary) -> FrontierPart | None:
    """None where the run has no frontier: the chart that is left out says why."""
    try:
        found = frontier_of(summary.reading, summary.results)
    except NoFrontierError:
        return None
    experiment = summary.reading.experiment
    candidates = candidates_of(found, summary.comparisons)
    facts = {point.arm: facts_of(point, found, experiment) for point in found.points}
    labels = {
        arm: ". ".join([arm, *(f"{name}: {text}" for name, text in told)])
        for arm, told in facts.items()
    }
    return FrontierPart(
        sentence=choose(candidates, STOPS_S[USUAL_STOP], ()).sentence,
        table=_table(found, experiment),
        remarks=tuple(f"Not among them: {left_out}." for left_out in found.left_out),
        switches=tuple(_switches(found)),
        stops=tuple(plain_seconds(stop) for stop in STOPS_S),
        usual_stop=USUAL_STOP,
        canvases=canvases(found, styles_of(experiment.arms), labels),
        document=page_document(candidates, facts),
    )


def page_document(
    candidates: Sequence[Candidate], facts: dict[str, tuple[tuple[str, str], ...]]
) -> dict[str, Any]:
    """What `page/frontier.js` chooses from and shows."""
    return {
        "stops": [{"seconds": stop, "text": plain_seconds(stop)} for stop in STOPS_S],
        "wishes": [{"key": wish.key, "clause": wish.clause} for wish in WISHES],
        "candidates": [{**asdict(c), "facts": facts.get(c.arm, ())} for c in candidates],
    }


def _switches(found: Frontier) -> list[Switch]:
    """Those that no arm's facts can answer are offered as unknown."""
    known = {
        "survives_store": any(p.survives_store is not None for p in found.points),
        "no_store": any(p.needs_store is not None for p in found.points),
        "verifiable": any(p.verifiable is not None for p in found.points),
    }
    return [Switch(wish.key, wish.label, known.get(wish.key, True)) for wish in WISHES]


def _table(found: Frontier, experiment: Experiment) -> Table:
    columns = (
        "arm", "revocation lag", "law", "requests per core-second", "p99", "stored",
        "store down", "other services",
    )  # fmt: skip
    ordered = sorted(found.points, key=lambda point: -(point.rate.value or 0.0))
    load = found.revocation.trials.background_fraction if found.revocation.trials else 0.0
    return Table(
        caption="The frontier in numbers, the most requests per core-second first",
        columns=columns,
        rows=tuple(
            (
                point.arm,
                point.lag.text,
                point.lag.law_text,
                _rate(point),
                p99_text(point, found, experiment),
                stores(point),
                store_down(point),
                others(point),
            )
            for point in ordered
        ),
        notes=(
            f"Lag at {load:.0%} load, phase {found.revocation.name}; cost in phase "
            f"{found.capacity}. “By law”: only expiry ends those credentials, at whatever "
            "life they are given.",
            f"“{NOT_SAID.capitalize()}”: run.json of older runs lacks it.",
        ),
    )


def _rate(point: Point) -> str:
    value = number(point.rate.value or 0.0)
    if point.rate.low is None or point.rate.high is None:
        return value
    return f"{value} ({span(number(point.rate.low), number(point.rate.high))})"

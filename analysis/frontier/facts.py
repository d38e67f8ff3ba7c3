"""What a point says of itself when it is asked: the numbers behind it, a label and a text each."""

from __future__ import annotations

from analysis.frontier.choice import said_cost
from analysis.frontier.points import Frontier, Point
from analysis.units import number, rate, size, span
from loadtests.model import Experiment

NOT_SAID = "not noted by this run"
_DOWN = {
    "at_once": "503 at once",
    "within_law": "serves for as long as the law allows, then 503",
    "serves": "goes on serving",
    "unaffected": "unaffected",
}


def facts_of(point: Point, found: Frontier, experiment: Experiment) -> tuple[tuple[str, str], ...]:
    """In the order of a reader's questions."""
    return (
        ("revocation lag", point.lag.text),
        ("law", point.lag.law_text),
        ("cost", said_cost(point)),
        ("p99", p99_text(point, found, experiment)),
        ("stores", stores(point)),
        ("store down", store_down(point)),
        ("other services", others(point)),
    )


def p99_text(point: Point, found: Frontier, experiment: Experiment) -> str:
    """`2.31 ms (2.20–2.43) at 2,000 req/s, +0.84 ms over none (…)`."""
    if point.p99 is None or point.p99.value is None or found.tails is None:
        return "not measured"
    value, low, high = point.p99.value, point.p99.low, point.p99.high
    interval = "" if low is None or high is None else f" ({span(number(low), number(high))})"
    offered = experiment.phase(found.tails.phase).load.rate_rps
    where = f" at {rate(offered)}" if offered else ""
    added = "" if point.added is None else f"; {found.tails.said(point.added)}"
    return f"{number(value)} ms{interval}{where}{added}"


def stores(point: Point) -> str:
    """What a login takes in the store."""
    stored = point.facts.store_bytes_per_login
    if point.needs_store is False:
        return "nothing: it has no store"
    if stored is None:
        return NOT_SAID if point.needs_store is None else "in a store, how much could not be read"
    return f"{size(max(stored, 0.0))} per login in the store"


def store_down(point: Point) -> str:
    """The policy, or where none is noted for machines what the law says in words."""
    down = point.facts.law.down
    return point.facts.law.store_down if down is None else _DOWN[down]


def others(point: Point) -> str:
    """Whether another service can verify what this one granted."""
    kind = point.facts.key_kind
    if point.verifiable is None:
        return NOT_SAID
    if point.verifiable:
        return f"can verify it, with a public key ({kind})"
    return "cannot verify it: no public key"

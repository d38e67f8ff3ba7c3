"""What a distance to the store does: measured round trips, and where a look-up loses. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.cells import Cell
from analysis.reading import Reading
from analysis.stats import Interval, log_ratio_interval, mean_interval
from loadtests.model import Experiment, Phase, PhaseKind

# A request in four at least: caches ask now and then, look-ups every time or for several at once.
ASKS_FROM = 0.25
ASKED = "GET /me"


@dataclass(frozen=True, slots=True)
class Crossover:
    """From which round trip on `look_up` answers later than `rival`, by block, in ms.

    0: already at `nearest_ms`, the shortest measured; infinite: not even at `furthest_ms`.
    """

    look_up: str
    rival: str
    by_block: Mapping[int, float]
    nearest_ms: float
    furthest_ms: float

    @property
    def at_once(self) -> int:
        return sum(at_ms == 0 for at_ms in self.by_block.values())

    @property
    def never(self) -> int:
        return sum(math.isinf(at_ms) for at_ms in self.by_block.values())

    @property
    def interval_ms(self) -> Interval | None:
        """The mean and its t interval over blocks; None unless every block has a crossing."""
        if self.at_once or self.never or not self.by_block:
            return None
        return mean_interval(list(self.by_block.values()))


def ladder(experiment: Experiment, kind: PhaseKind) -> list[Phase]:
    """Phases alike but for their distance to the store, nearest first; of several such sets the
    longest. Empty without."""
    alike: dict[object, list[Phase]] = {}
    for phase in experiment.phases:
        if phase.kind == kind and phase.store_delay_s is not None:
            alike.setdefault((phase.scenario, phase.load), []).append(phase)
    longest = max(alike.values(), key=len, default=[])
    return sorted(longest, key=lambda phase: phase.store_delay_s or 0.0)


def cells_of(reading: Reading, phase: Phase, arm: str) -> dict[int, Cell]:
    """By block."""
    mine = (c for c in reading.cells if (c.phase, c.arm) == (phase.name, arm))
    return {cell.block: cell for cell in mine}


def trip_ms(cell: Cell) -> float | None:
    """The median round trip to the store, through the proxy; the median of the slices' medians
    where a block has several."""
    known = [added.trip_p50_s for added in cell.added if added.trip_p50_s is not None]
    return median(known) * 1e3 if known else None


def trips_per_request(reading: Reading, phase: Phase, arm: str) -> float:
    """How often a request asked the store, guards included on one side; 0 where none did."""
    cells = cells_of(reading, phase, arm).values()
    completed = sum(cell.sums.completed for cell in cells)
    trips = sum(added.round_trips for cell in cells for added in cell.added)
    return trips / completed if completed else 0.0


def yardstick(reading: Reading, phases: Sequence[Phase]) -> str | None:
    """The arm whose round trips tell how far the store is: the reference if it asks each time,
    else the one that asks most. None when no arm asks."""
    experiment = reading.experiment
    asks = {
        arm.name: trips_per_request(reading, phases[0], arm.name)
        for arm in experiment.arms
        if phases and not arm.is_control
    }
    if asks.get(experiment.reference, 0.0) >= ASKS_FROM:
        return experiment.reference
    most = max(asks, key=lambda name: asks[name], default=None)
    return most if most is not None and asks[most] > 0 else None


def round_trip_ms(reading: Reading, phase: Phase, arm: str | None) -> Interval | None:
    """What `arm` measured in a phase, over blocks."""
    cells = cells_of(reading, phase, arm).values() if arm is not None else ()
    trips = [trip for trip in map(trip_ms, cells) if trip is not None]
    return mean_interval(trips) if trips else None


def crossovers(reading: Reading) -> Iterator[Crossover]:
    """Every session that asks the store, against every token that does not, as they are planned."""
    phases = ladder(reading.experiment, "latency")
    if len(phases) < 2:
        return
    arms = [arm for arm in reading.experiment.arms if not arm.is_control]
    asks = {arm.name: trips_per_request(reading, phases[0], arm.name) >= ASKS_FROM for arm in arms}
    for look_up in (a.name for a in arms if a.strategy.startswith("session_") and asks[a.name]):
        for rival in (a.name for a in arms if a.strategy.startswith("jwt_") and not asks[a.name]):
            found = _crossover(reading, phases, look_up, rival)
            if found is not None:
                yield found


def needs_no_store(reading: Reading, arm: str) -> bool:
    return not any(cell.added for cell in reading.cells if cell.arm == arm)


def cpu_ratio(
    reading: Reading, candidate: tuple[Phase, str], reference: tuple[Phase, str]
) -> Interval | None:
    """CPU of servers and store a request, candidate ÷ reference (phase and arm each), by block."""
    above, below = (_cpu_s(cells_of(reading, *each)) for each in (candidate, reference))
    blocks = [block for block in below if block in above]
    if not blocks:
        return None
    return log_ratio_interval([below[b] for b in blocks], [above[b] for b in blocks]).exp()


def cpu_us(reading: Reading, phase: Phase, arm: str) -> Interval | None:
    """CPU of servers and store a request."""
    costs = _cpu_s(cells_of(reading, phase, arm))
    return mean_interval([cost * 1e6 for cost in costs.values()]) if costs else None


def crossing_ms(points: Sequence[tuple[float, float]]) -> float:
    """From which round trip on a difference stays above 0, by a straight line between neighbours.

    `points` are (round trip, difference), nearest first. 0 when it is above 0 everywhere, infinite
    when it is not at the furthest.
    """
    below = [index for index, (_trip, difference) in enumerate(points) if difference <= 0]
    if not below:
        return 0.0
    if below[-1] == len(points) - 1:
        return math.inf
    (near, under), (far, over) = points[below[-1]], points[below[-1] + 1]
    return near - under * (far - near) / (over - under)


def _crossover(
    reading: Reading, phases: Sequence[Phase], look_up: str, rival: str
) -> Crossover | None:
    ours = [cells_of(reading, phase, look_up) for phase in phases]
    theirs = [cells_of(reading, phase, rival) for phase in phases]
    by_block = {
        block: points for block in ours[0] if (points := _points(block, ours, theirs)) is not None
    }
    if not by_block:
        return None
    return Crossover(
        look_up,
        rival,
        {block: crossing_ms(points) for block, points in by_block.items()},
        nearest_ms=median(points[0][0] for points in by_block.values()),
        furthest_ms=median(points[-1][0] for points in by_block.values()),
    )


def _points(
    block: int, ours: Sequence[Mapping[int, Cell]], theirs: Sequence[Mapping[int, Cell]]
) -> list[tuple[float, float]] | None:
    """Of one block, at each distance; None where something was not measured."""
    points = []
    for mine, other in zip(ours, theirs, strict=True):
        if block not in mine or block not in other:
            return None
        trip, late, early = trip_ms(mine[block]), _p50_ms(mine[block]), _p50_ms(other[block])
        if trip is None or late is None or early is None:
            return None
        points.append((trip, late - early))
    return points


def _p50_ms(cell: Cell) -> float | None:
    latency = cell.latency.get(ASKED)
    return latency.quantiles_ms.get(0.5) if latency is not None else None


def _cpu_s(cells: Mapping[int, Cell]) -> dict[int, float]:
    costs = {}
    for block, cell in cells.items():
        server_s, store_s = cell.sums.cpu_server_s, cell.sums.cpu_store_s
        if server_s is not None and store_s is not None and cell.sums.completed:
            costs[block] = (server_s + store_s) / cell.sums.completed
    return {block: cost for block, cost in costs.items() if cost > 0}

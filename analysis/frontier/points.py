"""An arm as a point: its lag, what it serves per core-second, and what it asks of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from analysis.frontier.added import Tails, tails_of
from analysis.frontier.axis import LagAxis
from analysis.frontier.lags import Lag, lag_of, resolution_s, usual_phase
from analysis.reading import Reading
from analysis.results import Result
from analysis.revocations.laws import laws_on_trial
from analysis.stats import Interval
from loadtests.model import Arm, ArmFacts, Phase, RevocationRecord

RATE = "requests_per_core_second"
_SURVIVING = frozenset({"serves", "unaffected"})


class NoFrontierError(Exception):
    """The run has no frontier; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Point:
    """One arm. `rate` is its requests per core-second; `p99` and `added` None: not measured."""

    arm: str
    strategy: str
    lag: Lag
    rate: Result
    p99: Result | None
    added: Interval | None
    facts: ArmFacts

    @property
    def needs_store(self) -> bool | None:
        return self.facts.needs_store

    @property
    def survives_store(self) -> bool | None:
        """Whether requests are served on and on without the store; None: the run does not say."""
        if self.facts.needs_store is False:
            return True
        return None if self.facts.law.down is None else self.facts.law.down in _SURVIVING

    @property
    def verifiable(self) -> bool | None:
        """Whether another service can verify a credential with a public key."""
        return None if self.facts.key_kind is None else self.facts.key_kind != "secret"


@dataclass(frozen=True, slots=True)
class Frontier:
    """The points, and where they were measured. `left_out`: why other arms are not among them."""

    points: tuple[Point, ...]
    capacity: str
    revocation: Phase
    tails: Tails | None
    left_out: tuple[str, ...]

    def front(self, cost: Callable[[Point], float | None]) -> frozenset[str]:
        """Arms that no other beats in lag and `cost` (lower is better) alike: the Pareto front."""
        costs = {p.arm: value for p in self.points if (value := cost(p)) is not None}
        those = [point for point in self.points if point.arm in costs]
        return frozenset(
            p.arm for p in those if not any(_beats(q, p, costs[q.arm], costs[p.arm]) for q in those)
        )

    @property
    def axis(self) -> LagAxis:
        lags = [point.lag for point in self.points]
        return LagAxis.of(lags, resolution_s(lags))

    @property
    def top(self) -> float:
        """What an axis of requests per core-second must reach; a wide interval runs out of it."""
        highest = max(point.rate.value or 0.0 for point in self.points)
        return min(2 * highest, max(p.rate.high or p.rate.value or 0.0 for p in self.points))

    @property
    def cheapest(self) -> frozenset[str]:
        """The front in requests per core-second."""
        return self.front(lambda point: -(point.rate.value or 0.0))


def frontier_of(reading: Reading, results: Sequence[Result]) -> Frontier:
    """Raises NoFrontierError when the run measured no cost, or no lag."""
    phase = usual_phase(reading, results)
    if phase is None:
        raise NoFrontierError("no revocation was acknowledged, or none was tried")
    rates = _rates(reading, results)
    if not rates:
        raise NoFrontierError("no capacity phase whose CPU time could be read")
    tails = tails_of(reading.experiment, results)
    lags = _lags(reading, results, phase)
    points: list[Point] = []
    left_out: list[str] = []
    for arm in reading.experiment.arms:
        if arm.is_control:
            continue
        lag, rate, facts = lags.get(arm.name), rates.get(arm.name), reading.facts(arm.name)
        if lag is None or rate is None or facts is None or facts.impossible is not None:
            left_out.append(f"{arm.name}: {_missing(facts, rate)}")
        else:
            points.append(_point(arm, lag, rate, tails, facts))
    if not points:
        raise NoFrontierError("no arm has both its cost and its lag")
    capacity = next(iter(rates.values())).phase or ""
    return Frontier(tuple(points), capacity, phase, tails, tuple(left_out))


def _missing(facts: ArmFacts | None, rate: Result | None) -> str:
    """Why an arm is no point."""
    if facts is not None and facts.impossible is not None:
        return facts.impossible
    return "no requests per core-second" if rate is None else "neither lag nor law"


def _lags(reading: Reading, results: Sequence[Result], phase: Phase) -> dict[str, Lag | None]:
    """By arm; broken wherever the report's table of laws says so, whichever change broke it."""
    seen: dict[str, list[RevocationRecord]] = {}
    for trial in reading.trials:
        seen.setdefault(trial.arm, []).append(trial)
    by_arm: dict[str, list[Result]] = {}
    for result in results:
        by_arm.setdefault(result.arm, []).append(result)
    lags = {
        arm: lag_of(reading.law(arm), mine, phase, seen.get(arm, ()), _minted_s(reading, arm))
        for arm, mine in by_arm.items()
    }
    broken = {law.arm for law in laws_on_trial(reading) if law.verdict == "BROKEN"}
    return {
        arm: replace(lag, broken=True) if lag is not None and arm in broken else lag
        for arm, lag in lags.items()
    }


def _minted_s(reading: Reading, arm: str) -> float | None:
    """How long credentials of the load live, where that is not as long as those of logins."""
    life_s = reading.experiment.arm(arm).settings.get("minted_ttl_s")
    return float(life_s) if life_s else None


def _point(arm: Arm, lag: Lag, rate: Result, tails: Tails | None, facts: ArmFacts) -> Point:
    p99 = None if tails is None else tails.by_arm.get(arm.name)
    added = None if tails is None else tails.added(arm.name)
    return Point(arm.name, arm.strategy, lag, rate, p99, added, facts)


def _rates(reading: Reading, results: Iterable[Result]) -> dict[str, Result]:
    """Requests per core-second by arm, in the first capacity phase that has any."""
    found = [r for r in results if r.metric.name == RATE and r.value is not None]
    order = [phase.name for phase in reading.experiment.phases]
    first = min((order.index(r.phase or "") for r in found), default=None)
    return {} if first is None else {r.arm: r for r in found if r.phase == order[first]}


def _beats(one: Point, other: Point, cost: float, other_cost: float) -> bool:
    lag, other_lag = _seconds(one), _seconds(other)
    no_worse = lag <= other_lag and cost <= other_cost
    return no_worse and (lag < other_lag or cost < other_cost)


def _seconds(point: Point) -> float:
    return float("inf") if point.lag.seconds is None else point.lag.seconds


def in_order_of_lag(points: Iterable[Point]) -> Iterator[Point]:
    """Those that revoke at all, the shortest lag first."""
    yield from sorted((p for p in points if p.lag.seconds is not None), key=_seconds)

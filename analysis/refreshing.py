"""What access tokens of another life would cost and allow, computed from what a refresh cost here.

Every one of `USERS` is taken to be active, that is to refresh as soon as a token expires: the most
there can be. Then refreshes a second = users ÷ life, and cores = refreshes a second × CPU a
refresh. A revocation at a random moment of a token's life is noticed after half of it on average,
and after all of it at the latest; both plus the clocks' leeway, which the law adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.reading import Reading
from analysis.results import Result
from analysis.stats import Interval, log_ratio_interval, mean_interval

USERS = 1_000_000
LIVES_S = (60.0, 300.0, 900.0, 3_600.0)
# What the cost of checking credentials is shown for: one request a minute of each user.
REQUEST_EVERY_S = 60.0
_COST = "requests_per_core_second"
_REFRESH, _CHECK = "refresh", "lookups"


@dataclass(frozen=True, slots=True)
class Refreshing:
    """An arm that refreshes. Costs are CPU of servers and store together, in µs: of a refresh, and
    of a GET /me by arm; `in_checks` says how many of each arm's GET /me a refresh costs."""

    arm: str
    phase: str
    refresh_us: Interval
    check_us: Mapping[str, Interval]
    in_checks: Mapping[str, Interval]
    leeway_s: float

    def cores(self, life_s: float) -> Interval:
        """For the refreshes of all users whose tokens live that long."""
        return _scaled(self.refresh_us, refreshes_rps(life_s) / 1e6)

    def check_cores(self, arm: str) -> Interval:
        """For every user's GET /me at that arm, one each `REQUEST_EVERY_S`."""
        return _scaled(self.check_us[arm], USERS / REQUEST_EVERY_S / 1e6)

    def mean_lag_s(self, life_s: float) -> float:
        return life_s / 2 + self.leeway_s

    def worst_lag_s(self, life_s: float) -> float:
        return life_s + self.leeway_s


def refreshes_rps(life_s: float) -> float:
    return USERS / life_s


def refreshing_of(reading: Reading, results: Sequence[Result]) -> list[Refreshing]:
    """One for each arm and capacity phase in which refreshes were measured."""
    costs = [result for result in results if result.metric.name == _COST and result.by_block]
    checks = {result.arm: result for result in costs if result.scenario == _CHECK}
    return [_refreshing(reading, result, checks) for result in costs if result.scenario == _REFRESH]


def _refreshing(reading: Reading, cost: Result, checks: Mapping[str, Result]) -> Refreshing:
    ratios = {arm: _in(cost, check) for arm, check in checks.items()}
    return Refreshing(
        arm=cost.arm,
        phase=cost.phase or "",
        refresh_us=_us(cost),
        check_us={arm: _us(check) for arm, check in checks.items()},
        in_checks={arm: ratio for arm, ratio in ratios.items() if ratio is not None},
        leeway_s=_leeway_s(reading, cost.arm),
    )


def _us(result: Result) -> Interval:
    """CPU a request, from requests a core-second."""
    return mean_interval([1e6 / value for value in result.by_block.values()])


def _in(refresh: Result, check: Result) -> Interval | None:
    """Paired by block; None where the two share none."""
    blocks = sorted(refresh.by_block.keys() & check.by_block.keys())
    if not blocks:
        return None
    before = [1 / check.by_block[block] for block in blocks]
    return log_ratio_interval(before, [1 / refresh.by_block[block] for block in blocks]).exp()


def _leeway_s(reading: Reading, arm: str) -> float:
    """What the law adds to the life of a token."""
    law, settings = reading.law(arm), reading.experiment.arm(arm).settings
    life_s = settings.get("access_ttl_s")
    if law is not None and law.bound_s is not None and isinstance(life_s, int | float):
        return law.bound_s - life_s
    return float(settings.get("clock_leeway_s", 0.0))


def _scaled(interval: Interval, factor: float) -> Interval:
    low, high = (None if end is None else end * factor for end in (interval.low, interval.high))
    return Interval(interval.mean * factor, low, high, interval.blocks)

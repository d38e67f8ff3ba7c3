"""Whether two load generators tell the same of the same servers: the ratios between arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from loadtests.intervals import Interval, log_ratios, ratio_interval, t_interval

# A difference that nobody would act on, as ln of a ratio.
NEGLIGIBLE = 0.02
# An interval that would include 0 whatever the tools say.
WIDEST = 0.10

METRICS = ("throughput", "requests a core-second")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tool saw of one arm in one slice.

    Core-seconds are those of servers and store, `servers_busy` how many passed in a second and
    `foreign_busy` how many went to neither servers nor tools (None: not known here);
    `client_cpu_us` is the tool's own CPU a request.
    """

    throughput_rps: float
    per_core_second: float
    servers_busy: float
    foreign_busy: float | None
    client_cpu_us: float
    latency_p50_ms: float
    latency_p99_ms: float


# By arm, one a round.
Rounds = Mapping[str, Sequence[Seen]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The ratio candidate ÷ reference as each tool saw it, and ln(ours) − ln(theirs) by rounds."""

    metric: str
    candidate: str
    ours: Interval
    theirs: Interval
    difference: Interval

    @property
    def is_decided(self) -> bool:
        return self.difference.half_width <= WIDEST

    @property
    def holds(self) -> bool:
        """The interval of the difference includes 0, or the difference is negligible."""
        apart = self.difference
        return self.is_decided and (apart.low <= 0 <= apart.high or abs(apart.middle) < NEGLIGIBLE)


def agreements(ours: Rounds, theirs: Rounds, reference: str) -> Iterator[Agreement]:
    """Every metric of every arm but the reference; rounds are paired."""
    for metric, ours_of, theirs_of in zip(METRICS, _values(ours), _values(theirs), strict=True):
        for candidate in ours:
            if candidate == reference:
                continue
            our = ours_of[candidate], ours_of[reference]
            their = theirs_of[candidate], theirs_of[reference]
            paired = zip(log_ratios(*our), log_ratios(*their), strict=True)
            yield Agreement(
                metric=metric,
                candidate=candidate,
                ours=ratio_interval(*our),
                theirs=ratio_interval(*their),
                difference=t_interval([a - b for a, b in paired]),
            )


def _values(rounds: Rounds) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """In the order of METRICS."""
    throughput = {arm: [seen.throughput_rps for seen in each] for arm, each in rounds.items()}
    per_core = {arm: [seen.per_core_second for seen in each] for arm, each in rounds.items()}
    return throughput, per_core

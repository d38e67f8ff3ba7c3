"""What a lag lets in: requests of a revoked user accepted after the acknowledgement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from analysis.revocations.lags import lag_s
from loadtests.model import RevocationRecord

RATES_RPS = (1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """Requests let in after one revoke at `rate_rps`: on average between two bounds, and at most.

    Computed: rate × lag, for a user whose requests reach all replicas alike. Infinite where a
    replica never refused.
    """

    rate_rps: float
    mean_low: float
    mean_high: float
    worst: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """`mean_low_s` and `mean_high_s` hold the mean lag between them, `worst_s` is the longest.

    `accepted` of `at_risk` probes, sent after the acknowledgement and before the first lasting
    refusal, were let in; `most` of them in one replica-trial. `at_risk` 0: not noted, or none.
    """

    mean_low_s: float
    mean_high_s: float
    worst_s: float
    accepted: int
    at_risk: int
    most: int

    @classmethod
    def of(cls, lines: Sequence[RevocationRecord]) -> Exposure:
        """Of at least one line that told something; one that never refused has no end."""
        lows = [math.inf if line.lag_high_s is None else line.lag_low_s for line in lines]
        return cls(
            mean_low_s=fmean(lows),
            mean_high_s=fmean(map(lag_s, lines)),
            worst_s=max(map(lag_s, lines)),
            accepted=sum(line.accepted_after_ack for line in lines),
            at_risk=sum(line.requests_at_risk for line in lines),
            most=max(line.accepted_after_ack for line in lines),
        )

    def expected(self, rate_rps: float) -> Expected:
        return Expected(
            rate_rps,
            rate_rps * self.mean_low_s,
            rate_rps * self.mean_high_s,
            rate_rps * self.worst_s,
        )

"""The search for the highest rate that a server takes within a limit. Pure: answers in, rate out.

A search is told of probes, one after the other, whether each met the limit, and says which rate
comes next: twice the last until one misses, then the geometric middle of the bracket until that
is narrow. A disturbed machine misses rates it could hold, so a miss is repeated until it has a
majority before the search goes below it; the rate that held is repeated at the end. An end that
is voted out makes the bracket wider again, and the search goes on from there.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Answer(NamedTuple):
    """What one probe told: the rate offered, and whether the limit was met."""

    rate_rps: float
    met: bool


class Bracket(NamedTuple):
    """The highest rate believed to hold below the lowest believed to miss; None: none such."""

    held_rps: float | None
    missed_rps: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """What an `slo` phase looks for: the highest rate at which p99 stays within `p99_ms`.

    Rates from `lowest_rps` to `highest_rps` are tried, until the lowest that misses is at most
    `precision` (0.05: 5%) above the highest that holds and both have won a majority of
    `confirmations` probes.
    """

    p99_ms: float
    lowest_rps: float
    highest_rps: float
    precision: float
    confirmations: int

    def next_rps(self, answers: Sequence[Answer], seed: int) -> float | None:
        """The rate of the next probe in req/s, or None at the end.

        `seed` draws the first one from one octave: searches that all began at the same rate could
        end at the same few only, and would differ by nothing or by a whole step.
        """
        if not answers:
            octave = random.Random(seed).random()  # noqa: S311
            return min(_rounded(self.lowest_rps * 2**octave), self.highest_rps)
        held_rps, missed_rps = self.bracket(answers)
        if missed_rps is not None and not self._is_confirmed(missed_rps, answers):
            return missed_rps
        untried_rps = self._untried(held_rps, missed_rps)
        if untried_rps is None and held_rps is not None:
            return None if self._is_confirmed(held_rps, answers) else held_rps
        return untried_rps

    def bracket(self, answers: Iterable[tuple[float, bool]]) -> Bracket:
        """What the answers say together: each rate by its majority, a tie as a miss.

        A rate that misses counts against every higher one: a server that held those was lucky.
        """
        votes: Counter[float] = Counter()
        for rate_rps, met in answers:
            votes[rate_rps] += 1 if met else -1
        missed_rps = min((rate for rate, won in votes.items() if won <= 0), default=None)
        below = missed_rps or math.inf
        held = (rate for rate, won in votes.items() if won > 0 and rate < below)
        return Bracket(max(held, default=None), missed_rps)

    def is_narrow(self, bracket: Bracket, times: float = 1.0) -> bool:
        """Whether both ends are known and at most `times` the precision apart."""
        if bracket.held_rps is None or bracket.missed_rps is None:
            return False
        return bracket.missed_rps / bracket.held_rps <= 1 + times * self.precision

    def has_ended(self, answers: Sequence[Answer]) -> bool:
        return bool(answers) and self.next_rps(answers, seed=0) is None

    @property
    def usual_probes(self) -> int:
        """About how many probes a search takes: for predictions."""
        doublings = 0.6 * math.log2(self.highest_rps / self.lowest_rps)
        halvings = math.log2(math.log(2) / math.log(1 + self.precision))
        misses = 1 + max(halvings, 0) / 2
        repeats = (misses + 1) * (self.confirmations // 2)
        return math.ceil(2 + doublings + max(halvings, 0) + repeats)

    def _untried(self, held_rps: float | None, missed_rps: float | None) -> float | None:
        """A rate that widens or halves the bracket; None when it is as narrow as it can be."""
        if held_rps is not None and missed_rps is not None:
            middle_rps = _rounded(math.sqrt(held_rps * missed_rps))
            return None if self.is_narrow(Bracket(held_rps, missed_rps)) else middle_rps
        if held_rps is not None and held_rps < self.highest_rps:
            return min(2 * held_rps, self.highest_rps)
        if missed_rps is not None and missed_rps > self.lowest_rps:
            return max(_rounded(missed_rps / 2), self.lowest_rps)
        return None

    def _is_confirmed(self, rate_rps: float, answers: Sequence[Answer]) -> bool:
        most = max(answers.count(Answer(rate_rps, met)) for met in (True, False))
        return most > self.confirmations // 2


def _rounded(rate_rps: float) -> float:
    """Five significant digits: far below any precision, and short in files."""
    return float(f"{rate_rps:.5g}")

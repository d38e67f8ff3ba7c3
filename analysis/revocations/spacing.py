"""How finely a lag was looked at: the spacing of one replica's probes, asked and achieved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from analysis.units import plain_seconds, seconds
from loadtests.model import RevocationRecord, Trials

_UNKNOWN_S = 0.002


@dataclass(frozen=True, slots=True)
class Spacing:
    """`asked_s` is the resolution: what is shorter counts as it.

    `typical_s` and `worst_s` are of the lines' own p99 of the gaps achieved, the median and the
    largest; None in runs that did not note them. `wide_gaps` were over twice as long as asked.
    """

    asked_s: float
    typical_s: float | None
    worst_s: float | None
    wide_gaps: int

    @classmethod
    def of(
        cls, lines: Sequence[RevocationRecord], trials: Trials | None, bound_s: float | None
    ) -> Spacing:
        """Of what `lines` say; where they say nothing, of what the phase asks for."""
        asked = [line.probe_every_s for line in lines if line.probe_every_s is not None]
        planned_s = _UNKNOWN_S if trials is None else trials.spacing_s(bound_s)
        achieved = [line.spacing_p99_s for line in lines if line.spacing_p99_s is not None]
        return cls(
            asked_s=max(asked, default=planned_s),
            typical_s=median(achieved) if achieved else None,
            worst_s=max(achieved, default=None),
            wide_gaps=sum(line.wide_gaps for line in lines),
        )

    def lag_text(self, lag_s: float) -> str:
        """`3.40 ms`, `≤ 2 ms`, or `never` for an infinite one."""
        if lag_s == float("inf"):
            return "never"
        return f"≤ {plain_seconds(self.asked_s)}" if lag_s <= self.asked_s else seconds(lag_s)

    @property
    def achieved_text(self) -> str:
        """`2.10 ms (worst 4.00 ms)` on two lines, or `not noted`."""
        if self.typical_s is None or self.worst_s is None:
            return "not noted"
        return f"{seconds(self.typical_s)}\n(worst {seconds(self.worst_s)})"

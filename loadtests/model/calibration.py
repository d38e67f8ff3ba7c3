"""The harness measured against a known answer: what was asked, what it said, and its own limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.model.experiment import Setting

CALIBRATION_SCHEMA = 1

CheckOutcome = Literal["pass", "fail", "undecided", "left out"]


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """One number of ours beside the true one, in `unit`.

    `about` says what was driven, `quantity` what was read. `allowed` is the largest difference
    that passes; `reason` says why a check was left out, or what else is to be known. Of several
    rounds the median one is told, `undecided` where it missed and another did not.
    """

    about: str
    quantity: str
    unit: str
    goal: str
    truth: float | None
    measured: float | None
    allowed: float | None
    outcome: CheckOutcome
    reason: str | None = None

    @property
    def share_of_allowed(self) -> float | None:
        """|measured − truth| ÷ allowed; None where the check has no such numbers."""
        if self.truth is None or self.measured is None or not self.allowed:
            return None
        return abs(self.measured - self.truth) / self.allowed


@dataclass(frozen=True, slots=True)
class DispatchLimit:
    """How late requests left at one offered rate: lag = sent − due; `offered_share` of the rate
    asked for."""

    rate_rps: float
    offered_share: float
    lag_p50_us: float
    lag_p99_us: float
    in_time: bool


@dataclass(frozen=True, slots=True)
class GeneratorLimits:
    """What one generator process can do here.

    `reached_rps` in a closed loop against a server that does nothing, at `busy` of its core.
    """

    against: str
    reached_rps: float
    busy: float
    cpu_us_per_request: float
    dispatch: tuple[DispatchLimit, ...]

    @property
    def max_rps(self) -> float:
        """Requests per second of its core: what it would do with all of it, where the server it
        was driven against was the limit."""
        return 1e6 / self.cpu_us_per_request

    @property
    def in_time_rps(self) -> float:
        """The highest rate tried that left in time, as did every lower one; 0 when none did."""
        highest = 0.0
        for limit in sorted(self.dispatch, key=lambda limit: limit.rate_rps):
            if not limit.in_time:
                break
            highest = limit.rate_rps
        return highest


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `make calibrate` found, and where."""

    measured_at: str
    git_commit: str | None
    environment: Mapping[str, Setting | None]
    checks: tuple[CalibrationCheck, ...]
    limits: GeneratorLimits | None
    schema: int = CALIBRATION_SCHEMA

    @property
    def passed(self) -> bool:
        """Whether something was judged, and all that was passed: undecided is no pass."""
        note = self.note()
        return note.passed > 0 and note.failed == note.undecided == 0

    def note(self) -> CalibrationNote:
        outcomes = Counter(check.outcome for check in self.checks)
        return CalibrationNote(
            measured_at=self.measured_at,
            git_commit=self.git_commit,
            passed=outcomes["pass"],
            failed=outcomes["fail"],
            left_out=outcomes["left out"],
            undecided=outcomes["undecided"],
            worst=tuple(self._worst()),
            limits=self.limits,
        )

    def _worst(self) -> Iterator[CalibrationCheck]:
        by_percentile: dict[str, CalibrationCheck] = {}
        for check in self.checks:
            name = check.quantity.rpartition(" ")[2]
            if check.unit == "ms" and check.share_of_allowed is not None:
                worst = by_percentile.setdefault(name, check)
                if check.share_of_allowed > (worst.share_of_allowed or 0.0):
                    by_percentile[name] = check
        for name in sorted(by_percentile):
            yield by_percentile[name]


@dataclass(frozen=True, slots=True)
class CalibrationNote:
    """What run.json holds of the calibration its generator had: counts of checks, and `worst`: of
    every percentile the one that used most of what it is allowed."""

    measured_at: str
    git_commit: str | None
    passed: int
    failed: int
    left_out: int
    worst: tuple[CalibrationCheck, ...]
    limits: GeneratorLimits | None
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class WaitCurve:
    """Percentiles of one way to measure waits: `quantiles` (0 … 1) and the value at each in ms."""

    name: str
    samples: int
    quantiles: tuple[float, ...]
    values_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StallPicture:
    """The same stalls as several ways of measuring saw them; times in s from the first due."""

    rate_rps: float
    duration_s: float
    stalls_s: tuple[tuple[float, float], ...]
    curves: tuple[WaitCurve, ...]


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """results/calibration.json: the calibration, and what its picture is drawn from."""

    calibration: Calibration
    stalls: StallPicture | None

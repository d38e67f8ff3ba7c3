"""Rotation's grace: whom it spares a false logout, and how long it lets a thief in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri

from analysis.stats import CONFIDENCE
from loadtests.checks import grace_breaches
from loadtests.model import Browsers, Experiment, Phase, TabsRecord

GraceVerdict = Literal["holds", "BROKEN", "not tested"]


@dataclass(frozen=True, slots=True)
class FalseLogouts:
    """Of so many browsers whose `tabs` refreshed within `within_s`, those logged out; `low` and
    `high` are the 95% interval of their share."""

    phase: str
    arm: str
    grace_s: float
    within_s: float
    tabs: int
    browsers: int
    logged_out: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.logged_out / self.browsers


@dataclass(frozen=True, slots=True)
class Window:
    """What thieves saw of an arm's grace.

    `accepted_until_s` is the greatest age that a token surely had when it was taken (None: none
    was), `refused_from_s` the smallest that one may have had when it was refused.
    """

    phase: str
    arm: str
    grace_s: float
    thefts: int
    replays: int
    accepted_until_s: float | None
    refused_from_s: float | None
    families_ended: int
    trials: int
    verdict: GraceVerdict
    reason: str | None

    @property
    def failure_rate(self) -> float:
        """The share of trials that could still break the grace, at 95%, when none of them did:
        1 − 0.05^(1/n) (Hanley & Lippman-Hand, JAMA 249(13), 1983)."""
        return -math.expm1(math.log(1 - CONFIDENCE) / self.trials)


def wilson_interval(hits: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Of a share: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) ÷ (1 + z²/n) (Wilson, JASA 22(158), 1927).

    Raises ValueError unless 0 ≤ hits ≤ trials and there is a trial.
    """
    if not 0 <= hits <= trials or not trials:
        raise ValueError(f"{hits} of {trials} is no share")
    z, share = float(ndtri((1 + confidence) / 2)), hits / trials
    middle = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low, high = ((middle + side * reach) / (1 + z * z / trials) for side in (-1, 1))
    # At the ends the formula is exact, and its arithmetic is not.
    return 0.0 if hits == 0 else low, 1.0 if hits == trials else high


def false_logouts(experiment: Experiment, lines: Sequence[TabsRecord]) -> Iterator[FalseLogouts]:
    """By phase, width, arm and number of tabs, as planned; nothing where nothing was told."""
    for phase, browsers in _tried(experiment):
        told = [line for line in _of(phase, lines) if line.thief is None]
        told = [line for line in told if line.outcome != "unknown"]
        for within_s in browsers.within_s:
            for arm in experiment.arms_in(phase):
                for tabs in browsers.tabs:
                    cell = (arm.name, within_s, tabs)
                    mine = [ln for ln in told if (ln.arm, ln.within_s, ln.tabs) == cell]
                    if mine:
                        yield _false_logouts(phase, mine)


def windows(experiment: Experiment, lines: Sequence[TabsRecord]) -> Iterator[Window]:
    """By phase and arm, those too that told nothing."""
    for phase, _ in _tried(experiment):
        for arm in experiment.arms_in(phase):
            mine = [line for line in _of(phase, lines) if line.arm == arm.name]
            yield _window(phase, arm.name, arm.grace_s, mine)


def _tried(experiment: Experiment) -> Iterator[tuple[Phase, Browsers]]:
    for phase in experiment.phases:
        if phase.browsers is not None:
            yield phase, phase.browsers


def _of(phase: Phase, lines: Sequence[TabsRecord]) -> list[TabsRecord]:
    return [line for line in lines if line.phase == phase.name]


def _false_logouts(phase: Phase, lines: Sequence[TabsRecord]) -> FalseLogouts:
    out = sum(line.outcome == "logged_out" for line in lines)
    low, high = wilson_interval(out, len(lines))
    one = lines[0]
    return FalseLogouts(
        phase.name, one.arm, one.grace_s, one.within_s, one.tabs, len(lines), out, low, high
    )


def _window(phase: Phase, arm: str, grace_s: float, lines: Sequence[TabsRecord]) -> Window:
    thefts = [line for line in lines if line.thief]
    replays = [replay for line in thefts for replay in line.thief or ()]
    accepted = [replay.replayed_after_s for replay in replays if replay.accepted]
    refused = [replay.at_most_s for replay in replays if not replay.accepted]
    ended = sum(line.family_ended is True for line in thefts)
    verdict, reason = _judged(lines, bool(accepted) or grace_s == 0, ended)
    return Window(
        phase=phase.name,
        arm=arm,
        grace_s=grace_s,
        thefts=len(thefts),
        replays=len(replays),
        accepted_until_s=max(accepted, default=None),
        refused_from_s=min(refused, default=None),
        families_ended=ended,
        trials=sum(line.outcome != "unknown" for line in lines),
        verdict=verdict,
        reason=reason,
    )


def _judged(
    lines: Sequence[TabsRecord], was_accepted: bool, ended: int
) -> tuple[GraceVerdict, str | None]:
    breaches = grace_breaches(lines)
    if breaches:
        return "BROKEN", breaches[0]
    if not any(line.thief for line in lines):
        return "not tested", "no rotated token was replayed"
    if not was_accepted:
        return "not tested", "no replay within the grace was answered"
    if not ended:
        return "not tested", "no replay beyond the grace was refused and followed up"
    return "holds", None

"""What the trials of revocation say in plain words, of one load: the usual one."""

from __future__ import annotations

import math
from collections.abc import Iterator

from analysis.report.summary import Summary
from analysis.revocations.lags import LagGroup
from analysis.revocations.lives import waits_for_expiry
from analysis.revocations.loads import at_load, load_text, usual
from analysis.units import plain_seconds

# The life that most access tokens are given; a revocation phase uses a shorter one.
USUAL_TOKEN_LIFE_S = 900.0


def revocation_sentences(summary: Summary, pair: tuple[str, str]) -> Iterator[str]:
    """Of the headline's pair, of the fastest and the slowest arm, and what follows from the law."""
    phase = usual(group.phase for group in summary.lags)
    if phase is None:
        return
    phases = summary.reading.experiment.phases
    where = at_load(phase, phases)
    groups = {
        group.arm: group
        for group in summary.lags
        if group.change == "revoke" and group.phase.name == phase.name
    }
    stays = [_stay(summary, groups[arm]) for arm in pair if arm in groups]
    if stays:
        who = f"At {load_text(phase, phases)} load a" if where else "A"
        yield f"{who} kicked user was seen to stay in for {' and '.join(stays)}."
    yield from _ends(summary, groups, where)
    yield from _computed(summary, pair)


def _stay(summary: Summary, group: LagGroup) -> str:
    if group.replica.never:
        never = f"{group.replica.never:,} of {group.replica.trials:,} replica-trials"
        law = summary.reading.law(group.arm)
        sentence = f"; its law: {law.sentence}" if law else ""
        return f"as long as was watched ({group.arm}: {never} never refused{sentence})"
    longest_s = group.replica.quantile_s(1.0) or 0.0
    said = group.spacing.lag_text(longest_s)
    if longest_s <= group.spacing.asked_s:
        return f"at most {said.removeprefix('≤ ')}, the resolution ({group.arm})"
    return f"at most {said} ({group.arm}{_lived(summary, group)})"


def _ends(summary: Summary, groups: dict[str, LagGroup], where: str) -> Iterator[str]:
    """The fastest and the slowest, where there are more arms than the headline's two or three."""
    others = [g for arm, g in groups.items() if not summary.reading.experiment.arm(arm).is_control]
    ending = sorted((g for g in others if not g.replica.never), key=_order)
    if len(others) < 4 or len(ending) < 2:
        return
    fastest, slowest = ending[0], ending[-1]
    alike = [g.arm for g in ending if _said(g) == _said(fastest)]
    never = [f"“{g.arm}”" for g in others if g.replica.never]
    silent = f"; without end in {', '.join(never)}" if never else ""
    coarsest_s = slowest.spacing.asked_s
    if _tail_s(slowest) <= coarsest_s:
        yield (
            f"Of all arms{where}, a revoke held within {plain_seconds(coarsest_s)} "
            f"({_statistic(slowest)}), the coarsest spacing of their probes: where soonest cannot "
            f"be told{silent}."
        )
        return
    yield (
        f"Of all arms{where}, a revoke held soonest in {', '.join(alike)} ({_said(fastest)}) "
        f"and latest in {slowest.arm} ({_said(slowest)}{_lived(summary, slowest)})"
        f"{silent}."
    )


def _order(group: LagGroup) -> tuple[float, float]:
    """By p99, or the longest of too few; all within the resolution are alike."""
    lag_s = _tail_s(group)
    return max(lag_s, group.spacing.asked_s), group.replica.quantile_s(0.5) or 0.0


def _tail_s(group: LagGroup) -> float:
    p99_s = group.replica.quantile_s(0.99)
    longest_s = group.replica.quantile_s(1.0)
    return p99_s if p99_s is not None else math.inf if longest_s is None else longest_s


def _said(group: LagGroup) -> str:
    return f"{_statistic(group)} {group.spacing.lag_text(_tail_s(group))}"


def _statistic(group: LagGroup) -> str:
    return "longest" if group.replica.quantile_s(0.99) is None else "p99"


def _lived(summary: Summary, group: LagGroup) -> str:
    """Tokens live for seconds here, so the lag of one that expires says nothing of longer lives."""
    if group.phase.trials is None or not waits_for_expiry(summary.reading, group.arm):
        return ""
    return f", tokens living {plain_seconds(group.phase.trials.ttl_s)} here"


def _computed(summary: Summary, pair: tuple[str, str]) -> Iterator[str]:
    """Only from laws that were seen to hold: of the pair, or where it has none of all arms."""
    expiring = [
        life
        for life in summary.lives
        if life.mean_lag_s is not None and life.life_s == USUAL_TOKEN_LIFE_S
    ]
    usual_lives = [life for life in expiring if life.arm in pair] or expiring
    if not usual_lives:
        return
    *others, last = [life.arm for life in usual_lives]
    arms = f"{', '.join(others)} and {last}" if others else last
    mean_s = max(life.mean_lag_s or 0.0 for life in usual_lives)
    worst_s = max(life.worst_lag_s for life in usual_lives)
    yield (
        f"Computed from the law, not measured: only expiry ends a credential of {arms}, so with "
        f"the usual {USUAL_TOKEN_LIFE_S:g} s token life a kicked user stays in for "
        f"{plain_seconds(mean_s)} on average and up to {plain_seconds(worst_s)}."
    )

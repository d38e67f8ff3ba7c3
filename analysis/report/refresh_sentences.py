"""What a run says of refreshing, in a sentence each: the cost of a life, and rotation's grace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.refreshing import Refreshing, refreshes_rps, refreshing_of
from analysis.report.refresh_tables import with_interval
from analysis.report.summary import Summary
from analysis.rotation import FalseLogouts, Window, false_logouts, windows
from analysis.units import plain_seconds, rate

# The life that most access tokens are given.
_USUAL_LIFE_S = 900.0


def refresh_sentences(summary: Summary) -> Iterator[str]:
    """Nothing for a run that refreshed nothing."""
    for refreshing in refreshing_of(summary.reading, summary.results):
        yield _cost(summary, refreshing)
    experiment, lines = summary.reading.experiment, summary.reading.browsers
    found = list(false_logouts(experiment, lines))
    if found:
        yield _logouts(found)
    seen = list(windows(experiment, lines))
    if seen:
        yield _grace(seen)


def _cost(summary: Summary, refreshing: Refreshing) -> str:
    reference = summary.reading.experiment.reference
    ratio = refreshing.in_checks.get(reference)
    times = f", {with_interval(ratio)} times a GET /me of {reference}" if ratio else ""
    return (
        f"A refresh of {refreshing.arm} costs {with_interval(refreshing.refresh_us, ' µs')} of "
        f"CPU{times}; computed from it, a million active users whose tokens live "
        f"{plain_seconds(_USUAL_LIFE_S)} refresh {rate(refreshes_rps(_USUAL_LIFE_S))} on "
        f"{with_interval(refreshing.cores(_USUAL_LIFE_S), ' cores')}, and one of them who is "
        f"revoked stays in for {plain_seconds(refreshing.mean_lag_s(_USUAL_LIFE_S))} on average, "
        f"{plain_seconds(refreshing.worst_lag_s(_USUAL_LIFE_S))} at worst."
    )


def _logouts(found: Sequence[FalseLogouts]) -> str:
    """The narrowest width: what tabs that wake together do to each other."""
    within_s = min(each.within_s for each in found)
    mine = [each for each in found if each.within_s == within_s]
    graces = sorted({each.grace_s for each in mine})
    said = []
    for grace_s in graces:
        of_grace = [each for each in mine if each.grace_s == grace_s]
        out, tried = sum(e.logged_out for e in of_grace), sum(e.browsers for e in of_grace)
        label = f"a grace of {plain_seconds(grace_s)}" if grace_s else "no grace"
        said.append(f"{out} of {tried} with {label}")
    return (
        f"Of browsers whose tabs refreshed with the same token within {plain_seconds(within_s)} "
        f"of each other, rotation logged out {', '.join(said)}."
    )


def _grace(seen: Sequence[Window]) -> str:
    broken = [each for each in seen if each.verdict == "BROKEN"]
    if broken:
        return f"The grace of {broken[0].arm} is BROKEN: {broken[0].reason}."
    held = [each for each in seen if each.verdict == "holds"]
    untested = [each.arm for each in seen if each.verdict == "not tested"]
    parts = []
    if held:
        replays = sum(each.replays for each in held)
        parts.append(
            f"None of {replays:,} replays contradicts that a stolen refresh token is good for the "
            "grace after its rotation and no longer, and each refused one ended the login"
        )
    if untested:
        parts.append(f"the grace of {', '.join(untested)} was not tested")
    return f"{'; '.join(parts)}."

"""The tables of refreshing: what lives of access tokens cost and allow, and rotation's grace."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.refreshing import LIVES_S, REQUEST_EVERY_S, Refreshing, refreshes_rps, refreshing_of
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.rotation import FalseLogouts, Window, false_logouts, windows
from analysis.stats import Interval
from analysis.units import number, plain_seconds, rate, share, span

_REPLAY = "a token is shown again, later and later, until it is refused"


def refresh_tables(summary: Summary) -> Iterator[Table]:
    """Nothing for a run that refreshed nothing."""
    for refreshing in refreshing_of(summary.reading, summary.results):
        yield _lives_table(summary, refreshing)
    experiment, lines = summary.reading.experiment, summary.reading.browsers
    for phase in (phase for phase in experiment.phases if phase.browsers is not None):
        found = [each for each in false_logouts(experiment, lines) if each.phase == phase.name]
        if found:
            yield _tabs_table(phase.name, found)
        seen = [each for each in windows(experiment, lines) if each.phase == phase.name]
        yield _thieves_table(phase.name, seen)


def with_interval(interval: Interval, unit: str = "") -> str:
    """`409 µs (395–424)`; the mean alone where there is one block."""
    said = f"{number(interval.mean)}{unit}"
    if interval.low is None or interval.high is None:
        return said
    return f"{said} ({span(number(interval.low), number(interval.high))})"


def verdict_text(window: Window) -> str:
    """`holds (failure rate < 0.9% at 95%)`, or why it does not or nobody knows."""
    if window.verdict == "holds":
        return f"holds (failure rate < {share(window.failure_rate)} at 95%)"
    return f"{window.verdict}: {window.reason}"


def _lives_table(summary: Summary, refreshing: Refreshing) -> Table:
    return Table(
        caption=f"Computed: a million active users of {refreshing.arm}, by the life of a token",
        columns=(
            "life", "refreshes", "cores (servers + store)", "revoked user out, mean", "at worst",
        ),
        rows=tuple(
            (
                plain_seconds(life_s),
                rate(refreshes_rps(life_s)),
                with_interval(refreshing.cores(life_s)),
                plain_seconds(refreshing.mean_lag_s(life_s)),
                plain_seconds(refreshing.worst_lag_s(life_s)),
            )
            for life_s in LIVES_S
        ),
        notes=tuple(_lives_notes(summary, refreshing)),
    )  # fmt: skip


def _lives_notes(summary: Summary, refreshing: Refreshing) -> Iterator[str]:
    cost = with_interval(refreshing.refresh_us, " µs")
    yield (
        f"Measured: a refresh costs {cost} of CPU of servers and store, 95% interval. The table is "
        "computed from it: every user is taken to be active, so refreshes = users ÷ life."
    )
    yield (
        "Out by the law, for a revocation at a random moment of a token's life: half of it on "
        "average, all of it at worst, the clocks' leeway included."
    )
    for arm in refreshing.check_us:
        if summary.reading.experiment.arm(arm).is_control:
            continue
        cores = with_interval(refreshing.check_cores(arm), " cores")
        ratio = refreshing.in_checks.get(arm)
        times = f"; a refresh costs as much as {with_interval(ratio)} of them" if ratio else ""
        every = plain_seconds(REQUEST_EVERY_S)
        yield f"For comparison: GET /me of {arm}, one every {every} of each user: {cores}{times}."


def _tabs_table(phase: str, found: list[FalseLogouts]) -> Table:
    tabs = sorted({each.tabs for each in found})
    rows = {(each.within_s, each.arm): each for each in found}
    cells = {(each.within_s, each.arm, each.tabs): each for each in found}
    return Table(
        caption=f"False logouts: browsers whose tabs refreshed with one token ({phase})",
        columns=("arm", "grace", "tabs within", *(f"{number} tabs" for number in tabs)),
        rows=tuple(
            (
                arm,
                plain_seconds(each.grace_s) if each.grace_s else "none",
                plain_seconds(within_s),
                *(_logouts(cells.get((within_s, arm, number))) for number in tabs),
            )
            for (within_s, arm), each in rows.items()
        ),
        notes=(
            "Logged out of all tried, and the 95% interval of the share (Wilson). Tabs do not know "
            "of each other: each has the token it read before, and sends it at a moment drawn "
            "evenly from the width. Tabs that let one of them refresh for all lose nothing.",
        ),
    )


def _logouts(cell: FalseLogouts | None) -> str:
    if cell is None:
        return NOTHING
    ends = span(f"{cell.low * 100:.0f}", f"{cell.high * 100:.0f}")
    return f"{cell.logged_out}/{cell.browsers}: {cell.share:.0%}\n({ends}%)"


def _thieves_table(phase: str, seen: list[Window]) -> Table:
    return Table(
        caption=f"What the grace gives a thief: {_REPLAY} ({phase})",
        columns=(
            "arm", "grace", "thefts", "replays", "taken until", "refused from",
            "reuse ended the login", "verdict",
        ),
        rows=tuple(
            (
                each.arm,
                plain_seconds(each.grace_s) if each.grace_s else "none",
                str(each.thefts),
                str(each.replays),
                _age(each.accepted_until_s),
                _age(each.refused_from_s),
                f"{each.families_ended} of {each.thefts}",
                verdict_text(each),
            )
            for each in seen
        ),
        notes=(
            "Ages since the rotation: the greatest that a taken token surely had, the smallest "
            "that a refused one may have had. Within the grace a thief is given the token that the "
            "owner holds, too; whoever of the two uses it second ends the login.",
        ),
    )  # fmt: skip


def _age(age_s: float | None) -> str:
    return "never" if age_s is None else f"{age_s:.3f} s"

"""How long revokes and changed roles took, and what that let in: a row an arm and load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analysis.report.exposure_tables import exposure_table, lives_table, place_of
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.revocations.lags import LagGroup
from analysis.units import plain_seconds

_ENDS = (
    "Upper ends of the intervals (first refused for good − acknowledged), by nearest rank over all "
    "blocks; “never”: a replica that ranks there never refused. A p99 needs 100 trials. “≤” is the "
    "resolution, the spacing asked of a replica's probes; beside it what was achieved: the median "
    "and the largest of all p99 that trials had of their gaps."
)
_MEDIAN = (
    "“Median of blocks”: the middle one of the blocks' own p99, which needs 100 in each block."
)
_QUANTILES = ("p50", "p99", "p99, median of blocks", "max")
_WORST = (
    "The longest lag of a trial's replicas: how long until a revoke holds everywhere. Only trials "
    "in which every replica told something."
)
_ROLE = "The same with “still the old role” for “accepted”; worst: of a trial's replicas."


def revocation_tables(summary: Summary) -> Iterator[Table]:
    """Empty for a run in which no revoke told anything."""
    revokes = [group for group in summary.lags if group.change == "revoke"]
    roles = [group for group in summary.lags if group.change == "role"]
    if revokes:
        yield _per_replica(summary, revokes)
        yield _worst(summary, revokes)
    if roles or _fixed_roles(summary):
        yield _roles(summary, roles)
    if revokes:
        yield exposure_table(summary, revokes)
    if summary.lives:
        yield lives_table(summary.lives)


def _per_replica(summary: Summary, groups: Iterable[LagGroup]) -> Table:
    rows = (
        (
            *place_of(summary, group),
            f"{group.replica.trials:,}",
            *(_lag(group, lag) for lag in _of(group)),
            f"{group.reaccepted:,}",
            f"{plain_seconds(group.spacing.asked_s)}, {group.spacing.achieved_text}",
        )
        for group in groups
    )
    columns = ("replica-trials", *_QUANTILES, "re-accepted", "spacing: asked, achieved")
    return Table(
        "Time to revoke (kick or logout), per replica",
        ("arm", "load", *columns),
        tuple(rows),
        (_ENDS, _MEDIAN),
    )


def _of(group: LagGroup) -> tuple[float | None, ...]:
    lags = group.replica
    return (
        lags.quantile_s(0.5),
        lags.quantile_s(0.99),
        lags.median_of_blocks_s(0.99),
        lags.quantile_s(1.0),
    )


def _worst(summary: Summary, groups: Iterable[LagGroup]) -> Table:
    rows = (
        (
            *place_of(summary, group),
            f"{group.worst.trials:,}",
            *(_lag(group, group.worst.quantile_s(q)) for q in (0.5, 0.99, 1.0)),
        )
        for group in groups
    )
    return Table(
        "Time to revoke, worst replica of each trial",
        ("arm", "load", "trials", "p50", "p99", "max"),
        tuple(rows),
        (_WORST,),
    )


def _roles(summary: Summary, groups: Iterable[LagGroup]) -> Table:
    rows = (
        (
            *place_of(summary, group),
            f"{group.replica.trials:,}",
            *(_lag(group, group.replica.quantile_s(q)) for q in (0.5, 0.99, 1.0)),
            *(_lag(group, group.worst.quantile_s(q)) for q in (0.5, 0.99, 1.0)),
        )
        for group in groups
    )
    why: dict[str, list[str]] = {}
    for arm, reason in _fixed_roles(summary).items():
        why.setdefault(reason, []).append(arm)
    return Table(
        "Time until a changed role is seen",
        ("arm", "load", "replica-trials", "p50", "p99", "max", "worst: p50", "p99", "max"),
        tuple(rows),
        (_ROLE, *(f"No role can be changed in {', '.join(arms)}: {r}." for r, arms in why.items())),
    )


def _lag(group: LagGroup, lag_s: float | None) -> str:
    return NOTHING if lag_s is None else group.spacing.lag_text(lag_s)


def _fixed_roles(summary: Summary) -> dict[str, str]:
    """Arms that cannot change a role, and why."""
    reading = summary.reading
    return {
        arm: facts.fixed_roles
        for block in reading.run.blocks
        for arm, facts in block.arms.items()
        if facts.fixed_roles is not None
    }

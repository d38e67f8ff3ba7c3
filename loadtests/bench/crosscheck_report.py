"""What both tools saw, beside each other, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from rich.console import Console
from rich.table import Table

from loadtests.awake import can_be_kept_awake
from loadtests.bench.agreement import NEGLIGIBLE, WIDEST, Agreement, Rounds, Seen, agreements
from loadtests.bench.goals import Goal, judge
from loadtests.intervals import ratio_interval

CAUSES = (
    "Where ours ÷ wrk is not 1: the tool that spends less CPU on a request (client µs) keeps "
    "servers fuller (busy), and on a shared core leaves them more. wrk does not count what is "
    "unanswered at its end, at most a request a connection; ours awaits and counts it. Foreign "
    "CPU disturbs both."
)
AWAKE = "CPUs were kept from halting, so no server paid for waking either tool."
ASLEEP = (
    "CPUs could halt (nothing here may keep them from it): a server pays for every waking of its "
    "client, and the tool that sleeps oftener makes it look slower, most where a request is cheap."
)


def show(console: Console, ours: Rounds, theirs: Rounds, reference: str) -> int:
    """Prints both tables; returns 0 where the tools agree on every ratio, else 1."""
    console.print(_seen_table(ours, theirs))
    console.print(_apart_table(ours, theirs))
    console.print(CAUSES, AWAKE if can_be_kept_awake() else ASLEEP, highlight=False)
    return judge(console, [_goal(each, reference) for each in agreements(ours, theirs, reference)])


def _seen_table(ours: Rounds, theirs: Rounds) -> Table:
    rounds = max(map(len, ours.values()))
    table = Table(
        "arm", "tool", "req/s", "req/core-s", "busy", "foreign", "client µs", "p50 ms", "p99 ms",
        title=f"mean of {rounds} slices each; p50 and p99: the median slice",
    )  # fmt: skip
    for arm in ours:
        for tool, slices in (("ours", ours[arm]), ("wrk", theirs[arm])):
            table.add_row(arm, tool, *_seen_cells(slices))
    return table


def _seen_cells(slices: Sequence[Seen]) -> list[str]:
    foreign = [seen.foreign_busy for seen in slices if seen.foreign_busy is not None]
    return [
        f"{fmean(seen.throughput_rps for seen in slices):,.0f}",
        f"{fmean(seen.per_core_second for seen in slices):,.0f}",
        f"{fmean(seen.servers_busy for seen in slices):.0%}",
        f"{fmean(foreign):.0%}" if foreign else "–",
        f"{fmean(seen.client_cpu_us for seen in slices):.1f}",
        f"{median(seen.latency_p50_ms for seen in slices):.2f}",
        f"{median(seen.latency_p99_ms for seen in slices):.2f}",
    ]


def _apart_table(ours: Rounds, theirs: Rounds) -> Table:
    table = Table("ours ÷ wrk", "req/s", "req per core-s")
    for arm in ours:
        throughput = ratio_interval(
            [seen.throughput_rps for seen in ours[arm]],
            [seen.throughput_rps for seen in theirs[arm]],
        )
        per_core = ratio_interval(
            [seen.per_core_second for seen in ours[arm]],
            [seen.per_core_second for seen in theirs[arm]],
        )
        table.add_row(arm, str(throughput), str(per_core))
    return table


def _goal(each: Agreement, reference: str) -> Goal:
    apart = each.difference
    measured = (
        f"ours {each.ours.middle:.3f}, wrk {each.theirs.middle:.3f}: "
        f"{apart.middle:+.1%} ({apart.low:+.1%} to {apart.high:+.1%})"
    )
    if not each.is_decided:
        measured += ", too wide to tell: a quieter machine, or more --rounds"
    return Goal(
        what=f"{each.candidate} ÷ {reference}, {each.metric}",
        goal=f"0 within, or < {NEGLIGIBLE:.0%}; ± {WIDEST:.0%} at most",
        measured=measured,
        is_reached=each.holds,
    )

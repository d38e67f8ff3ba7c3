"""The tables of outages: arms × faults in a few words, what revokes prove, and all the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from analysis.outages import GROUPS, REVOKES_WANTED, Group, Pair, Revokes, Spread
from analysis.report.outage_cells import cell_text, short_seconds
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.revocations.rates import rate_text
from analysis.units import seconds, share, span

# A table of so many columns fits the page; more faults are parted by what they hit.
MOST_FAULTS = 6
_LEGEND = (
    "The worst of the trials. “At once”: within a bin of the chart. “Back within”: from the mend "
    "until at least 99.9% succeed for a second. “Logs out”: good users were answered 401 as the "
    "law announces, and had to log in again, each at the next request: they are back when all of "
    "them have asked once. “All served, ≤”: the longest response time. “Failed before”: while "
    "nothing was broken yet. “Ended too soon”: too soon after the mend to see it.",
)
FULL_TABLES = (
    "Medians over trials, in brackets their range. “Let in after” counts false accepts: requests "
    "accepted after the acknowledgement of a revoke; “against the law” are those of them that came "
    "later than it allows."
)
_POLICIES = {
    "at_once": "503 at once",
    "within_law": "503 within the law's bound",
    "serves": "serves on",
    "unaffected": "unaffected",
}


def outage_tables(summary: Summary) -> Iterator[Table]:
    """Arms × faults: one table, or with many faults one a group of them."""
    pairs = summary.outages
    phases = list(dict.fromkeys(pair.phase for pair in pairs))
    if len(phases) <= MOST_FAULTS:
        yield _matrix("What each fault did to whom", pairs, _LEGEND)
        return
    notes: tuple[str, ...] = _LEGEND
    for group, members in groupby(pairs, key=_group):
        yield _matrix(GROUPS[group], tuple(members), notes)
        notes = ()


def revokes_table(summary: Summary) -> Table | None:
    """None where no revoke was tried."""
    tried = [r for r in summary.revokes if r.ok + r.refused + r.indeterminate]
    if not tried:
        return None
    return Table(
        caption="Revokes while something was broken, over all faults",
        columns=(
            "arm", "acknowledged", "refused / indeterminate", "probes", "let in after the revoke",
            "against the law", "their true rate, at 95%",
        ),
        rows=tuple(_revokes_row(each) for each in tried),
        notes=(
            "The rate per acknowledged revoke that 95% of such runs would have shown: "
            "1 − 0.05^(1/n), the rule of three. Revokes of one trial share its fault, so it "
            "speaks of faults like these.",
            *_excepted(summary),
            f"At least {REVOKES_WANTED:,} acknowledged revokes are wanted of strategies that "
            "decide by what the store sends them.",
        ),
    )  # fmt: skip


def _excepted(summary: Summary) -> Iterator[str]:
    """Faults whose revokes prove nothing."""
    labels = dict.fromkeys(p.heading for p in summary.outages if p.fault.may_undo and p.trials)
    if labels:
        yield (
            f"n leaves out “{'”, “'.join(labels)}”: a file that is synced every second may undo "
            "the last revokes, and laws except them."
        )


def full_tables(summary: Summary) -> Iterator[Table]:
    """Every number, a folded table a fault."""
    for _, members in groupby(summary.outages, key=lambda pair: pair.phase):
        pairs = tuple(members)
        yield Table(
            caption=_upper(pairs[0].heading),
            columns=(
                "arm", "trials", "success while down", "first error after", "worst response",
                "back after", "hung", "against the law / revokes", "let in after",
                "false rejects", "logged out", "policy", "delay added p50 / p99",
            ),
            rows=tuple(_full_row(pair) for pair in pairs),
            notes=tuple(_broken(pairs)),
            folded=True,
        )  # fmt: skip


def _matrix(caption: str, pairs: Sequence[Pair], notes: tuple[str, ...]) -> Table:
    faults = {pair.phase: pair for pair in pairs}
    by_place = {(pair.arm, pair.phase): pair for pair in pairs}
    return Table(
        caption=caption,
        columns=("arm", *(pair.heading for pair in faults.values())),
        rows=tuple(
            (arm, *(cell_text(by_place[arm, phase]) for phase in faults))
            for arm in dict.fromkeys(pair.arm for pair in pairs)
        ),
        notes=(*(f"{_upper(p.heading)}: {p.fault.what}." for p in faults.values()), *notes),
    )


def _revokes_row(each: Revokes) -> tuple[str, ...]:
    return (
        each.arm,
        f"{each.ok:,}",
        f"{each.refused:,} / {each.indeterminate:,}",
        f"{each.probes:,}",
        _counted(each.accepted_after_ack, each.accepted_after_ack_worst_s),
        _counted(each.false_accepts, each.false_accept_worst_s),
        _rate(each),
    )


def _rate(each: Revokes) -> str:
    if each.false_accepts:
        return "SEEN"
    if each.rate_below is None:
        return f"not tested:\n{each.untested}"
    few = f"\n({REVOKES_WANTED:,} revokes wanted)" if each.is_push and each.is_short else ""
    return f"below {rate_text(each.rate_below)}{few}"


def _full_row(pair: Pair) -> tuple[str, ...]:
    trials = f"{len(pair.trials)} of {pair.expected}" if pair.missing else str(len(pair.trials))
    if pair.policy is None:
        return (pair.arm, trials, pair.absence or NOTHING, *[NOTHING] * 10)
    accepted = pair.total(lambda trial: trial.accepted_after_ack)
    return (
        pair.arm,
        trials,
        _spread(pair.success_down, share),
        _spread(pair.first_error_after_s, seconds, nothing="no error"),
        seconds(pair.worst_response_s),
        _recovery(pair),
        f"{pair.total(lambda trial: trial.hung):,}",
        f"{pair.total(lambda trial: trial.false_accepts):,} / "
        f"{pair.total(lambda trial: trial.revokes_ok):,}",
        _counted(accepted, pair.worst(lambda trial: trial.accepted_after_ack_worst_s)),
        f"{pair.total(lambda trial: trial.false_rejects):,}",
        f"{pair.total(lambda trial: trial.logged_out):,}",
        f"{_POLICIES[pair.policy]},\n{_held(pair)}",
        _delay(pair),
    )


def _held(pair: Pair) -> str:
    return f"BROKEN in {len(pair.broken)} of {len(pair.trials)}" if pair.broken else "held"


def _recovery(pair: Pair) -> str:
    if not pair.ever_failed:
        return "no error"
    back = _spread(pair.recovery_s, short_seconds, nothing="")
    never = f"never in {pair.never_recovered}" if pair.never_recovered else ""
    unseen = f"ended too soon in {pair.ended_too_soon}" if pair.ended_too_soon else ""
    return ",\n".join(part for part in (back, never, unseen) if part)


def _spread(spread: Spread | None, say: Callable[[float], str], nothing: str = NOTHING) -> str:
    if spread is None:
        return nothing
    middle, low, high = map(say, spread)
    return middle if low == high else f"{middle}\n({span(low, high)})"


def _counted(count: int, worst_s: float | None) -> str:
    """`12, up to 0.40 s late`"""
    late = f"\nup to {seconds(worst_s)} late" if count and worst_s else ""
    return f"{count:,}{late}"


def _delay(pair: Pair) -> str:
    p50_s = pair.worst(lambda trial: trial.added_delay_p50_s)
    p99_s = pair.worst(lambda trial: trial.added_delay_p99_s)
    known = [seconds(value_s) for value_s in (p50_s, p99_s) if value_s is not None]
    return " / ".join(known) or NOTHING


def _broken(pairs: Sequence[Pair]) -> Iterator[str]:
    for pair in pairs:
        for trial in pair.broken:
            where = f"trial {trial.trial} of block {trial.block}"
            yield f"Policy of {pair.arm} broken, {where}: {trial.policy_why or 'no reason noted'}."


def _group(pair: Pair) -> Group:
    return pair.fault.group


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]

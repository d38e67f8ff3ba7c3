"""What outages show, in a few plain sentences: who is out, who serves on, who breaks a promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from analysis.outages import REVOKES_WANTED, Pair, Revokes
from analysis.report.outage_cells import OUT, bin_s, short_seconds
from analysis.report.summary import Summary
from analysis.revocations.rates import rate_text
from analysis.units import span

# More of the same kind are counted; the tables name them all.
_MOST_NAMED = 3


def outage_sentences(summary: Summary) -> tuple[str, ...]:
    """Nothing for a run without outages."""
    pairs = summary.outages
    if not pairs:
        return ()
    if not any(pair.trials for pair in pairs):
        return ("Faults were planned, but no trial of any was recorded.",)
    return (
        *_dead_store([pair for pair in pairs if pair.fault.group == "away" and pair.trials]),
        *_logged_out(pairs),
        *_slowest(pairs),
        *_policies(pairs),
        *_broken_promises(pairs),
        *_let_in(pairs),
        *_proven(summary.revokes),
        *_busy(pairs),
        *_missing(pairs),
    )


def _dead_store(pairs: Sequence[Pair]) -> Iterator[str]:
    """Who is out, for how long others serve on, whom it never touches; in the worst trial."""
    arms: dict[tuple[int, str], list[str]] = {}
    for arm in dict.fromkeys(pair.arm for pair in pairs):
        fate = _fate([pair for pair in pairs if pair.arm == arm])
        arms.setdefault(fate, []).append(arm)
    said = "; ".join(f"{_listed(arms[fate])} {fate[1]}" for fate in sorted(arms))
    faults = ", ".join(dict.fromkeys(pair.heading for pair in pairs))
    if pairs:
        yield f"With the store away ({faults}): {said}."


def _fate(pairs: Sequence[Pair]) -> tuple[int, str]:
    """What happens to an arm under all of these faults, as the rest of a sentence; worst first."""
    if not any(pair.ever_failed for pair in pairs):
        return (4, "stayed unaffected") if _all_unaffected(pairs) else (3, "served on")
    code = next(pair.failed_with for pair in pairs if pair.ever_failed)
    begun = [p.first_error_after_s for p in pairs if p.first_error_after_s is not None]
    if len(begun) < len(pairs) or any(pair.failed_once_begun < OUT for pair in pairs):
        return 2, f"failed in part ({code})"
    resolution_s = max(map(bin_s, pairs))
    earliest_s, latest_s = min(each.low for each in begun), max(each.high for each in begun)
    if latest_s <= resolution_s:
        return 0, f"answered {code} at once"
    if earliest_s <= resolution_s:
        return 1, f"answered {code} at once or within {short_seconds(latest_s)}"
    served = span(short_seconds(earliest_s), short_seconds(latest_s))
    return 1, f"served on for {served}, then answered {code}"


def _all_unaffected(pairs: Sequence[Pair]) -> bool:
    return all(pair.policy == "unaffected" for pair in pairs)


def _logged_out(pairs: Sequence[Pair]) -> Iterator[str]:
    faults: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.total(lambda trial: trial.logged_out):
            faults.setdefault(pair.arm, []).append(pair.heading)
    arms: dict[tuple[str, ...], list[str]] = {}
    for arm, labels in faults.items():
        arms.setdefault(tuple(labels), []).append(arm)
    if arms:
        said = "; ".join(f"{_listed(who)} ({', '.join(labels)})" for labels, who in arms.items())
        yield f"Logged their users out, as the laws announce: {said}."


def _slowest(pairs: Sequence[Pair]) -> Iterator[str]:
    back = [(pair.recovery_s.high, pair) for pair in pairs if pair.recovery_s is not None]
    if back:
        slowest_s, slowest = max(back, key=lambda found: found[0])
        took = "at once" if slowest_s <= bin_s(slowest) else f"after {short_seconds(slowest_s)}"
        yield f"Slowest to recover: {slowest.arm}, {took}, from “{slowest.heading}”."
    never = [pair for pair in pairs if pair.never_recovered]
    if never:
        said = _some(never, lambda p: f"{_place(p)} in {p.never_recovered} of {len(p.trials)}")
        yield f"Not back before the trial ended: {said}."


def _policies(pairs: Sequence[Pair]) -> Iterator[str]:
    broken = [pair for pair in pairs if pair.broken]
    trials = sum(len(pair.trials) for pair in pairs)
    if not broken:
        yield f"Every arm did what its law says of the fault, in all {trials:,} trials."
        return
    lost = sum(len(pair.broken) for pair in broken)
    said = _some(broken, lambda p: f"{_place(p)} ({p.broken[0].policy_why or 'no reason noted'})")
    yield f"Declared policy BROKEN in {lost:,} of {trials:,} trials: {said}."


def _broken_promises(pairs: Sequence[Pair]) -> Iterator[str]:
    """Requests that hung, false accepts, false rejects: which there must not be."""
    counts: dict[str, Callable[[Pair], int]] = {
        "false accepts against a law": lambda pair: pair.total(lambda trial: trial.false_accepts),
        "false rejects": lambda pair: pair.total(lambda trial: trial.false_rejects),
        "requests that hung": lambda pair: pair.total(lambda trial: trial.hung),
    }
    none = [what for what, count in counts.items() if not any(map(count, pairs))]
    for what, count in counts.items():
        if what not in none:
            yield _seen(what, count, pairs)
    if none:
        yield f"No {', no '.join(none)}."


def _seen(what: str, count: Callable[[Pair], int], pairs: Sequence[Pair]) -> str:
    guilty = sorted(filter(count, pairs), key=count, reverse=True)
    said = _some(guilty, lambda pair: f"{count(pair):,} in {_place(pair)}")
    return f"{what.capitalize()} SEEN: {said}."


def _let_in(pairs: Sequence[Pair]) -> Iterator[str]:
    """What revokes that are not heard of at once cost, whatever the fault. These false accepts
    break no law, as the laws promise no more. Not of those whom no store tells anything: they let
    everybody in until a token expires, with a fault or without."""
    arms: dict[str, list[Pair]] = {}
    asking = {p.arm for p in pairs if p.policy != "unaffected" and p.fault.group != "replica"}
    for pair in pairs:
        if pair.arm in asking and pair.total(lambda trial: trial.accepted_after_ack):
            arms.setdefault(pair.arm, []).append(pair)
    said = [
        f"{arm} {_requests(sum(p.total(lambda t: t.accepted_after_ack) for p in theirs))}, "
        f"up to {short_seconds(_latest_s(theirs))} after the revoke"
        for arm, theirs in arms.items()
    ]
    if said:
        yield f"False accepts that the law allows, by those whom a store tells: {'; '.join(said)}."


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


def _latest_s(pairs: Sequence[Pair]) -> float:
    return max(t.accepted_after_ack_worst_s for pair in pairs for t in pair.trials)


def _proven(revokes: Iterable[Revokes]) -> Iterator[str]:
    """Of strategies that rely on what the store sends them."""
    said = [
        f"{r.arm}: {r.judged:,} acknowledged revokes, {_shown(r)}" for r in revokes if r.is_push
    ]
    if said:
        yield f"Over all faults, at 95% (rule of three): {'; '.join(said)}."


def _shown(each: Revokes) -> str:
    if each.false_accepts:
        return f"{each.false_accepts:,} false accepts against the law"
    if each.rate_below is None:
        return f"not tested ({each.untested})"
    few = f" ({REVOKES_WANTED:,} revokes are wanted)" if each.is_short else ""
    return (
        f"0 false accepts against the law: the true rate is below {rate_text(each.rate_below)}{few}"
    )


def _busy(pairs: Sequence[Pair]) -> Iterator[str]:
    """Whether what was slow may have waited for a CPU; known where the system tells."""
    shares = [t.busy_share for p in pairs for t in p.trials if t.busy_share is not None]
    if shares:
        between = span(f"{min(shares):.0%}", f"{max(shares):.0%}")
        yield f"Of the machine's CPU time {between} was in use, from trial to trial."


def _missing(pairs: Sequence[Pair]) -> Iterator[str]:
    lacking = [pair for pair in pairs if pair.missing]
    if lacking:
        lost = sum(pair.missing for pair in lacking)
        said = _some(lacking, lambda p: f"{_place(p)}, {p.missing} of {p.expected}")
        yield f"Missing: {lost:,} of {sum(p.expected for p in pairs):,} trials ({said})."


def _some(pairs: Sequence[Pair], say: Callable[[Pair], str]) -> str:
    more = len(pairs) - _MOST_NAMED
    named = "; ".join(map(say, pairs[:_MOST_NAMED]))
    return f"{named}; and {more} more" if more > 0 else named


def _place(pair: Pair) -> str:
    return f"{pair.arm} under “{pair.heading}”"


def _listed(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`"""
    return f" {last} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)

"""The verdict in two or three plain sentences, each with its interval and its honest doubt."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.compare import Comparison
from analysis.report.numbers_tables import BROWSED
from analysis.report.summary import Summary
from analysis.results import Result
from analysis.units import offered, plain_seconds, seconds, share
from loadtests.model import Placement

# The life that most access tokens are given; a revocation phase uses a shorter one.
USUAL_TOKEN_LIFE_S = 900.0


def sentences(summary: Summary) -> tuple[str, ...]:
    """What the run says of its headline pair; nothing for a run that compares no two arms."""
    pair = summary.reading.experiment.headline_pair()
    if pair is None:
        return ()
    return (
        *_capacity(summary, *pair),
        *_tail(summary, *pair),
        *_within_limit(summary, *pair),
        *_revocation(summary, pair),
    )


def placement_sentence(placement: Placement) -> str:
    """Where what ran: beside the verdict, for ratios depend on it."""
    cpus = (
        ("servers", placement.server_cpus),
        ("stores", placement.store_cpus),
        ("generator", placement.generator_cpus),
    )
    if not any(numbers for _, numbers in cpus):
        return "Nothing was pinned to a CPU."
    said = (f"{what} on {_cpu_list(numbers)}" for what, numbers in cpus)
    return f"Placement: {', '.join(said)}."


def verdict_phrase(comparison: Comparison) -> str:
    """`same within 4% (a difference shows from 3.1%)`, or `inconclusive` with the reason."""
    effect = comparison.outlook.minimum_detectable_effect
    shows = "" if effect is None else f"a difference shows from {share(effect)}"
    aside = "; ".join(part for part in (comparison.reason, shows) if part)
    return f"{comparison.verdict} ({aside})" if aside else comparison.verdict


def times_phrase(comparison: Comparison, of: str = "") -> str:
    """`1.02× (95% interval 0.99–1.05)`, with `of` behind the ratio; it must have one.

    Three decimals where the interval is narrow enough for them to matter.
    """
    if comparison.low is None or comparison.high is None:
        return f"{comparison.ratio:.2f}×{of} (one block, no interval)"
    decimals = 3 if comparison.high - comparison.low < 0.1 else 2
    ratio, low, high = (
        f"{value:.{decimals}f}" for value in (comparison.ratio, comparison.low, comparison.high)
    )
    return f"{ratio}×{of} (95% interval {low}–{high})"


def _capacity(summary: Summary, reference: str, candidate: str) -> Iterator[str]:
    found = _comparisons(summary, "requests_per_core_second", reference, candidate)
    if not found:
        return
    if found[0].ratio is None:
        yield f"Requests per core-second could not be compared: {found[0].reason}."
        return
    yield (
        f"Per core-second of servers and store, {candidate} serves "
        f"{times_phrase(found[0], f' the requests of {reference}')}: {verdict_phrase(found[0])}."
    )


def _tail(summary: Summary, reference: str, candidate: str) -> Iterator[str]:
    phases = [p for p in summary.reading.experiment.phases if p.kind == "latency"]
    fastest = max(phases, key=lambda phase: phase.load.rate_rps or 0.0, default=None)
    found = [
        comparison
        for comparison in _comparisons(summary, "latency_p99_ms", reference, candidate)
        if fastest is not None
        and (comparison.phase, comparison.endpoint) == (fastest.name, BROWSED)
    ]
    if not found or fastest is None:
        return
    load = offered(fastest)
    if found[0].ratio is None:
        yield f"At {load}, p99 response times could not be compared: {found[0].reason}."
        return
    yield (
        f"At {load}, the p99 response time of {candidate} to {BROWSED} is "
        f"{times_phrase(found[0], f' that of {reference}')}: {verdict_phrase(found[0])}."
    )


def _within_limit(summary: Summary, reference: str, candidate: str) -> Iterator[str]:
    for comparison in _comparisons(summary, "slo_rate_rps", reference, candidate):
        search = summary.reading.experiment.phase(comparison.phase or "").search
        limit = f"With p99 of response time within {search.p99_ms if search else 0:g} ms"
        if comparison.ratio is None:
            yield f"{limit}, the rates the two take could not be compared: {comparison.reason}."
            continue
        times = times_phrase(comparison, f" the rate of {reference}")
        yield f"{limit}, {candidate} takes {times}: {verdict_phrase(comparison)}."


def _revocation(summary: Summary, pair: tuple[str, str]) -> Iterator[str]:
    longest = {
        result.arm: result
        for result in summary.results
        if result.metric.name == "revocation_lag_max_s" and result.arm in pair
    }
    stays = [_stay(summary, longest[arm]) for arm in pair if arm in longest]
    if stays:
        yield f"A kicked user was seen to stay in for {' and '.join(stays)}."
    expiring = [arm for arm in pair if arm in longest and _ends_by_expiry(summary, arm)]
    if expiring:
        yield (
            f"Computed from the law, not measured: only expiry ends a credential of "
            f"{' and '.join(expiring)}, so with the usual {USUAL_TOKEN_LIFE_S:g} s token life a "
            f"kicked user stays in for up to {plain_seconds(USUAL_TOKEN_LIFE_S)}."
        )


def _stay(summary: Summary, result: Result) -> str:
    phase = summary.reading.experiment.phase(result.phase or "")
    if result.never_ends:
        return f"as long as was watched ({result.arm}: {result.reason})"
    if result.value is None:
        return f"an unknown time ({result.arm}: {result.reason})"
    if phase.trials and result.value <= phase.trials.spacing_s(0.0):
        return (
            f"at most {plain_seconds(phase.trials.spacing_s(0.0))}, the resolution ({result.arm})"
        )
    lived = f", tokens living {plain_seconds(phase.trials.ttl_s)} here" if phase.trials else ""
    aside = lived if _ends_by_expiry(summary, result.arm) else ""
    return f"at most {seconds(result.value)} ({result.arm}{aside})"


def _ends_by_expiry(summary: Summary, arm: str) -> bool:
    """Whether an arm's law promises no more than that its credentials expire."""
    law = summary.reading.law(arm)
    lives = [p.trials.ttl_s for p in summary.reading.experiment.phases if p.trials]
    return bool(law and law.bound_s and lives and law.bound_s >= min(lives))


def _comparisons(summary: Summary, metric: str, reference: str, candidate: str) -> list[Comparison]:
    wanted = (metric, reference, candidate)
    return [c for c in summary.comparisons if (c.metric.name, c.reference, c.candidate) == wanted]


def _cpu_list(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "any CPU"
    return f"CPU {', '.join(map(str, numbers))}"

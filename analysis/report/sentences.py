"""The verdict in two or three plain sentences, each with its interval and its honest doubt."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.compare import Comparison
from analysis.report.numbers_tables import BROWSED
from analysis.report.revocation_sentences import revocation_sentences
from analysis.report.summary import Summary
from analysis.revocations.words import laws_sentence
from analysis.units import offered, share
from loadtests.model import Placement


def sentences(summary: Summary) -> tuple[str, ...]:
    """What the run says of its headline pair, and of every law that it tried."""
    pair = summary.reading.experiment.headline_pair()
    law = laws_sentence(summary.laws)
    laws = () if law is None else (law,)
    if pair is None:
        return laws
    return (
        *_capacity(summary, *pair),
        *_tail(summary, *pair),
        *_within_limit(summary, *pair),
        *laws,
        *revocation_sentences(summary, pair),
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


def _comparisons(summary: Summary, metric: str, reference: str, candidate: str) -> list[Comparison]:
    wanted = (metric, reference, candidate)
    return [c for c in summary.comparisons if (c.metric.name, c.reference, c.candidate) == wanted]


def _cpu_list(numbers: tuple[int, ...]) -> str:
    if not numbers:
        return "any CPU"
    return f"CPU {', '.join(map(str, numbers))}"

"""The tables of results: the key ones on one screen, then a table a phase."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analysis.metrics import Metric
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table, settings_text
from analysis.results import Result
from analysis.revocations.lags import spacing_in
from analysis.revocations.loads import at_load, usual
from analysis.units import number, offered, plain_seconds, rate, seconds, share, size, span
from loadtests.model import Phase, PhaseKind, Setting

# What the latency phases' scenario asks for most.
BROWSED = "GET /me"

_FORMATS = {"s": seconds, "B": size, "fraction": share}


def result_tables(summary: Summary) -> Iterator[Table]:
    """A row an arm, a column a metric; phases as planned, then what belongs to none."""
    for phase in summary.reading.experiment.phases:
        mine = [result for result in summary.results if result.phase == phase.name]
        # Costs and errors of the whole phase stand apart from each endpoint's times.
        for endpoint in sorted({result.endpoint for result in mine}, key=lambda e: e or ""):
            here = [result for result in mine if result.endpoint == endpoint]
            notes = () if endpoint else tuple(_phase_notes(summary, phase))
            yield _result_table(summary, f"{phase.name}{of_endpoint(endpoint)}", here, phase, notes)
    outside = [result for result in summary.results if result.phase is None]
    if outside:
        yield _result_table(summary, "outside every phase", outside)


def value_text(result: Result) -> str:
    """The value, and its interval on a second line where it has one that shows."""
    if result.value is None:
        return NOTHING
    say = _FORMATS.get(result.metric.unit, number)
    value = say(result.value)
    if result.low is None or result.high is None or say(result.low) == say(result.high):
        return value
    return f"{value}\n({span(say(result.low), say(result.high))})"


def key_table(summary: Summary) -> Table | None:
    """What most readers came for, on one screen; None when nothing of it was measured."""
    columns = {column: found for column, found in _key_columns(summary).items() if found}
    rows = tuple(
        (arm.name, *(_key_cell(summary, found.get(arm.name)) for found in columns.values()))
        for arm in summary.reading.experiment.arms
    )
    if not columns:
        return None
    reasons = _reasons(result for found in columns.values() for result in found.values())
    return Table("Key results", ("arm", *columns), rows, tuple(reasons))


def _key_columns(summary: Summary) -> dict[str, dict[str, Result]]:
    """Column -> arm -> result; latencies at the highest rate."""
    phases = summary.reading.experiment.phases
    rates = {p.name: p.load.rate_rps or 0.0 for p in phases if p.kind == "latency"}
    highest = max(rates, key=lambda name: rates[name], default="")
    at = f"at {offered(next((p for p in phases if p.name == highest), phases[0]))}"
    tried = usual(phases)
    shown = {"latency": highest, "revocation": tried.name if tried else ""}
    lag = f"longest revocation lag{at_load(tried, phases) if tried else ''}"
    limit_ms = next((p.search.p99_ms for p in phases if p.search is not None), 0.0)
    wanted: tuple[tuple[str, str, PhaseKind | None, str | None], ...] = (
        ("requests per core-second", "requests_per_core_second", "capacity", None),
        ("throughput (req/s)", "throughput_rps", "capacity", None),
        (f"{BROWSED} p50 {at} (ms)", "latency_p50_ms", "latency", BROWSED),
        (f"{BROWSED} p99 {at} (ms)", "latency_p99_ms", "latency", BROWSED),
        (f"req/s with p99 ≤ {limit_ms:g} ms", "slo_rate_rps", "slo", None),
        ("logins per second", "throughput_rps", "login", None),
        (lag, "revocation_lag_max_s", "revocation", None),
        ("bytes stored per login", "store_bytes_per_login", None, None),
    )
    kinds = {phase.name: phase.kind for phase in phases}
    columns: dict[str, dict[str, Result]] = {column: {} for column, *_ in wanted}
    for result in summary.results:
        kind = kinds.get(result.phase or "")
        for column, metric, of_kind, endpoint in wanted:
            if (result.metric.name, kind, result.endpoint) != (metric, of_kind, endpoint):
                continue
            if kind not in shown or result.phase == shown[kind]:
                columns[column].setdefault(result.arm, result)
    return columns


def _key_cell(summary: Summary, result: Result | None) -> str:
    phases = summary.reading.experiment.phases
    phase = next((p for p in phases if result is not None and p.name == result.phase), None)
    return _cell(summary, result, phase)


def _result_table(
    summary: Summary,
    caption: str,
    results: Sequence[Result],
    phase: Phase | None = None,
    notes: tuple[str, ...] = (),
) -> Table:
    metrics = list({result.metric.name: result.metric for result in results}.values())
    by_place = {(result.arm, result.metric.name): result for result in results}
    arms = dict.fromkeys(result.arm for result in results)
    return Table(
        caption=caption,
        columns=("arm", *(_heading(metric) for metric in metrics)),
        rows=tuple(
            (arm, *(_cell(summary, by_place.get((arm, metric.name)), phase) for metric in metrics))
            for arm in arms
        ),
        notes=(*notes, *_reasons(results)),
    )


def _cell(summary: Summary, result: Result | None, phase: Phase | None) -> str:
    if result is None:
        return NOTHING
    if phase is None or phase.trials is None or result.value is None:
        return value_text(result)
    resolution_s = spacing_in(summary.reading, summary.lags, result.arm, phase).asked_s
    if (result.high or result.value) <= resolution_s:
        return f"≤ {plain_seconds(resolution_s)}"
    return value_text(result)


def _heading(metric: Metric) -> str:
    return metric.label if metric.unit in _FORMATS else f"{metric.label} ({metric.unit})"


def _phase_notes(summary: Summary, phase: Phase) -> Iterator[str]:
    yield f"Scenario {phase.scenario}: {_load_text(summary, phase)}."
    if phase.kind == "login":
        yield f"What a password check costs here: {settings_text(_argon2(summary))}."


def _load_text(summary: Summary, phase: Phase) -> str:
    load = phase.load
    if phase.trials is not None:
        arms = summary.reading.experiment.arms_in(phase)
        spacings = (spacing_in(summary.reading, summary.lags, arm.name, phase) for arm in arms)
        asked = [spacing.asked_s for spacing in spacings]
        ends = list(dict.fromkeys(plain_seconds(each) for each in (min(asked), max(asked))))
        return (
            f"trials over {phase.trials.background_fraction:.0%} load, probes every "
            f"{' to '.join(ends)}{', by the law' if len(ends) > 1 else ''}, credentials living "
            f"{plain_seconds(phase.trials.ttl_s)}"
        )
    if phase.search is not None:
        search = phase.search
        return (
            f"probes of {plain_seconds(phase.slice_s)}, Poisson arrivals; the highest rate at "
            f"which p99 of response time is at most {search.p99_ms:g} ms, to {search.precision:.0%}"
        )
    if load.rate_rps is not None:
        arrivals = "Poisson arrivals" if load.model == "poisson" else "evenly spaced"
        return f"{rate(load.rate_rps)}, {arrivals}"
    return f"{load.users} users, back to back"


def _argon2(summary: Summary) -> dict[str, Setting]:
    server = summary.reading.experiment.server
    return {name: value for name, value in server.items() if name.startswith("argon2")}


def _reasons(results: Iterable[Result]) -> Iterator[str]:
    """Why values are missing, each reason once with the arms it holds for."""
    arms: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.reason is not None:
            arms.setdefault((result.metric.label, result.reason), []).append(result.arm)
    for (label, reason), whose in arms.items():
        yield f"No “{label}” for {', '.join(whose)}: {reason}."


def of_endpoint(endpoint: str | None) -> str:
    """` · GET /me`, to stand behind a phase's name."""
    return f" · {endpoint}" if endpoint else ""

"""Distance to the store in tables and sentences: what was added, and from where a look-up loses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from analysis.distances import (
    ASKED,
    Crossover,
    cpu_ratio,
    cpu_us,
    crossovers,
    ladder,
    needs_no_store,
    round_trip_ms,
    yardstick,
)
from analysis.report.summary import Summary
from analysis.report.tables import NOTHING, Table
from analysis.stats import Interval
from analysis.units import further, number, seconds, span
from loadtests.model import Phase


def distance_tables(summary: Summary) -> tuple[Table, ...]:
    """Nothing for a run without distances."""
    phases = ladder(summary.reading.experiment, "latency")
    if len(phases) < 2 or yardstick(summary.reading, phases) is None:
        return ()
    tables = (_trips(summary, phases), _crossovers(summary, phases), _costs(summary, phases))
    return tuple(table for table in tables if table.rows)


def distance_sentences(summary: Summary) -> Iterator[str]:
    """For each look-up from where on it loses to each signature; then what users get from afar."""
    by_look_up: dict[str, list[Crossover]] = {}
    for found in crossovers(summary.reading):
        if needs_no_store(summary.reading, found.rival):
            by_look_up.setdefault(found.look_up, []).append(found)
    for look_up, mine in by_look_up.items():
        said = "; ".join(f"{each.rival}: {crossover_text(each)}" for each in mine)
        yield (
            f"By the store's measured round trip, a look-up of {look_up} answers later "
            f"(p50 of {ASKED}) than a token is verified: {said}."
        )
    yield from _throughput(summary)


def crossover_text(found: Crossover) -> str:
    """`from 213 µs (95% interval 180–250 µs)`, `always …`, `never …`, or which blocks say what."""
    near, far = seconds(found.nearest_ms / 1e3), seconds(found.furthest_ms / 1e3)
    interval, blocks = found.interval_ms, len(found.by_block)
    if interval is not None:
        return f"from {_within(interval, _milliseconds)}"
    if found.at_once == blocks:
        return f"always, already at {near}"
    if found.never == blocks:
        return f"never, up to {far}"
    said = ((found.at_once, f"always (from {near})"), (found.never, f"never (up to {far})"))
    parts = [f"{words} in {count} of {blocks} blocks" for count, words in said if count]
    inside = [at for at in found.by_block.values() if 0 < at <= found.furthest_ms * 2]
    if inside:
        parts.append(f"from {_range_ms(inside)} in {len(inside)} of {blocks}")
    return ", ".join(parts)


def _throughput(summary: Summary) -> Iterator[str]:
    phases = ladder(summary.reading.experiment, "users")
    arm = yardstick(summary.reading, phases)
    values = {
        result.phase: result.value
        for result in summary.results
        if (result.metric.name, result.arm) == ("throughput_rps", arm) and result.value is not None
    }
    ends = [
        (values[phase.name], trip.mean)
        for phase in phases
        if (trip := round_trip_ms(summary.reading, phase, arm)) and phase.name in values
    ]
    if len(ends) > 1:
        said = ", ".join(f"{number(rps)} at {_milliseconds(trip)}" for rps, trip in ends)
        users = phases[0].load.users
        yield f"Requests per second of {arm} with {users} users, by round trip: {said}."


def _trips(summary: Summary, phases: Sequence[Phase]) -> Table:
    reading, arm = summary.reading, yardstick(summary.reading, phases)
    rows = []
    for phase in [*phases, *ladder(reading.experiment, "users")]:
        added = [a for c in reading.cells if (c.phase, c.arm) == (phase.name, arm) for a in c.added]
        rows.append(
            (
                phase.name,
                further(phase.store_delay_s or 0.0),
                _range_ms([a.p50_s * 1e3 for a in added if a.p50_s is not None]),
                _range_ms([a.p99_s * 1e3 for a in added if a.p99_s is not None]),
                _or_nothing(round_trip_ms(reading, phase, arm), _milliseconds),
            )
        )
    return Table(
        "How far the store was",
        ("phase", "asked", "added, p50", "added, p99", "round trip, p50"),
        tuple(rows),
        (
            f"Round trips of {arm}, as the proxy before its store saw them. What was added is how "
            "long the proxy held a request and its answer, the smallest to the largest of the "
            "slices; the round trip has what the store took too, as a mean over blocks with its "
            "95% interval.",
        ),
    )


def _crossovers(summary: Summary, phases: Sequence[Phase]) -> Table:
    reading, nearest, furthest = summary.reading, phases[0], phases[-1]
    rows = []
    for found in crossovers(reading):
        ratios = (
            cpu_ratio(reading, (phase, found.look_up), (phase, found.rival))
            for phase in (nearest, furthest)
        )
        said = (_or_nothing(ratio, lambda value: f"{value:.2f}") for ratio in ratios)
        rows.append((f"{found.look_up} ÷ {found.rival}", crossover_text(found), *said))
    return Table(
        "From which round trip on a look-up answers later",
        (
            "look-up and token",
            "later by the clock",
            f"CPU ratio, {nearest.name}",
            f"CPU ratio, {furthest.name}",
        ),
        tuple(rows),
        (
            f"p50 of {ASKED} at the same rate, a straight line between neighbouring distances in "
            "each block, and a 95% t interval over the blocks. CPU is that of servers and store; "
            "distance is waiting, so where a look-up costs less CPU than a signature it does so at "
            "every distance.",
        ),
    )


def _costs(summary: Summary, phases: Sequence[Phase]) -> Table:
    reading, (nearest, *others) = summary.reading, phases
    rows = tuple(
        (
            arm.name,
            _or_nothing(cpu_us(reading, nearest, arm.name), lambda us: f"{number(us)} µs"),
            *(
                _or_nothing(
                    cpu_ratio(reading, (other, arm.name), (nearest, arm.name)),
                    lambda value: f"{value:.2f}",
                )
                for other in others
            ),
        )
        for arm in reading.experiment.arms
    )
    return Table(
        "CPU of a request by distance",
        ("arm", nearest.name, *(f"{other.name} ÷ {nearest.name}" for other in others)),
        rows,
        (
            "CPU of servers and store at one and the same rate. A finding names an arm whose cost "
            "moves by more than 10%; session_redis_batched may: the further the store, the more "
            "look-ups share a round trip.",
        ),
    )


def _range_ms(values_ms: Sequence[float]) -> str:
    """From the smallest to the largest, said once where they look alike; nothing of none."""
    if not values_ms:
        return NOTHING
    low, high = _milliseconds(min(values_ms)), _milliseconds(max(values_ms))
    return low if low == high else span(low, high)


def _or_nothing(interval: Interval | None, say: Callable[[float], str]) -> str:
    return NOTHING if interval is None else _within(interval, say)


def _within(interval: Interval, say: Callable[[float], str]) -> str:
    """`0.213 ms (95% interval 0.18–0.25 ms)`"""
    if interval.low is None or interval.high is None:
        return say(interval.mean)
    return f"{say(interval.mean)} (95% interval {span(say(interval.low), say(interval.high))})"


def _milliseconds(value_ms: float) -> str:
    return seconds(value_ms / 1e3)

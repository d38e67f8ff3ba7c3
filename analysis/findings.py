"""What the analysis adds to a run's findings: of the folder, of the A/A control, of samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from analysis.compare import Floor
from analysis.reading import Reading
from analysis.results import Result
from analysis.revocations.laws import TriedLaw
from analysis.revocations.words import verdict_text
from analysis.stats import BLOCKS_FOR_A_VERDICT, percent_within
from loadtests.model import CONTROL_SUFFIX, Finding, RunRecord

# Two copies of one server differ by 2 to 4% over five blocks of a quiet machine. Where they may
# differ by more, the machine and not the design decides what a capacity phase says: the headline's
# difference is of that size.
FLOOR_LIMIT = math.log(1.05)
FLOORS_JUDGED = ("throughput_rps", "requests_per_core_second", "cpu_server_us", "cpu_store_us")
# A store takes an eighth of a session's CPU, in bursts, so its floor passes 5% on quiet machines,
# and guards its own verdicts. Above this share it moves the cost of the whole by over 1%.
STORE_SHARE = 0.25
LAW_BROKEN = "law_broken"


def findings_of(
    reading: Reading,
    results: Sequence[Result],
    floors: Sequence[Floor],
    laws: Sequence[TriedLaw] = (),
) -> Iterator[Finding]:
    """The run's own findings, and what reading and comparing it add."""
    yield from _unfinished(reading.run)
    yield from reading.run.findings
    if reading.unreadable:
        yield Finding(
            "unreadable_lines",
            "warning",
            f"{len(reading.unreadable)} left out, the rest used; first: {reading.unreadable[0]}",
            "a run that was killed can leave one truncated last line; more means a damaged file",
        )
    yield from wide_floors(reading, results, floors)
    yield from too_few_samples(results)
    yield from broken_laws(reading.run, laws)


def wide_floors(
    reading: Reading, results: Sequence[Result], floors: Sequence[Floor]
) -> Iterator[Finding]:
    """One for each capacity phase in which two copies of one arm could differ by more than 5%.

    With fewer blocks than a verdict needs nothing is called faster or slower, and a floor of two
    or three blocks is mostly Student's t: such a run is short, not disturbed.
    """
    for phase in (p.name for p in reading.experiment.phases if p.kind == "capacity"):
        wide = [
            floor
            for floor in floors
            if floor.phase == phase
            and floor.metric.name in FLOORS_JUDGED
            and _has_blocks(floor)
            and (floor.value or 0.0) > FLOOR_LIMIT
            and (floor.metric.name != "cpu_store_us" or _store_matters(phase, results))
        ]
        if wide:
            yield _wide(phase, wide)


def too_few_samples(results: Sequence[Result]) -> Iterator[Finding]:
    """One for each metric and phase in which a percentile was left out, with the first reason."""
    lacking: dict[tuple[str, str | None], list[Result]] = {}
    for result in results:
        if result.too_few_samples:
            lacking.setdefault((result.metric.name, result.phase), []).append(result)
    for (metric, phase), mine in lacking.items():
        whose = f"{mine[0].arm}{f', {mine[0].endpoint}' if mine[0].endpoint else ''}"
        more = f", and {len(mine) - 1} more like it" if len(mine) > 1 else ""
        yield Finding(
            "too_few_samples",
            "warning",
            f"{metric} was left out for too few samples: {whose}: {mine[0].reason}{more}",
            "raise the phase's `rounds`, `slice_s` or rate (of revocations, `trials.per_slice`), "
            "or do without this percentile",
            phase=phase,
        )


def broken_laws(run: RunRecord, laws: Sequence[TriedLaw]) -> Iterator[Finding]:
    """One for each law that its lines refute and the run itself did not name: a run that was
    killed made no findings, and a report that says BROKEN is not VALID."""
    named = {finding.arm for finding in run.findings if finding.name == LAW_BROKEN}
    for law in laws:
        if law.verdict == "BROKEN" and law.arm not in named:
            yield Finding(
                LAW_BROKEN,
                "invalid",
                f"a revoked credential was accepted later than the law allows: {verdict_text(law)}",
                "this is a defect of the strategy, or of its law: do not use either",
                arm=law.arm,
            )


def _wide(phase: str, wide: Sequence[Floor]) -> Finding:
    said = ", ".join(f"{f.metric.name} ± {percent_within(f.value or 0.0)}%" for f in wide)
    return Finding(
        "aa_floor_wide",
        "invalid",
        f"two copies of one arm could differ by more than {percent_within(FLOOR_LIMIT)}%: {said}",
        "close other programs, or take a machine with less company, and run again; more `blocks` "
        "and `rounds` narrow the floor too",
        phase=phase,
    )


def _has_blocks(floor: Floor) -> bool:
    return floor.control is not None and floor.control.blocks >= BLOCKS_FOR_A_VERDICT


def _store_matters(phase: str, results: Sequence[Result]) -> bool:
    """Whether the store has its share in what any controlled arm spends."""
    spent = {
        (result.arm, result.metric.name): result.value
        for result in results
        if result.phase == phase and result.value is not None
    }
    return any(
        store > STORE_SHARE * (store + spent.get((arm, "cpu_server_us"), 0.0))
        for (arm, metric), store in spent.items()
        if metric == "cpu_store_us" and arm.endswith(CONTROL_SUFFIX)
    )


def _unfinished(run: RunRecord) -> Iterator[Finding]:
    if run.status != "finished":
        yield Finding(
            "unfinished",
            "invalid",
            f"the run's status is {run.status!r}: what follows covers only what was measured",
            "let a run finish before quoting it",
        )

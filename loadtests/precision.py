"""How narrow an experiment asks its comparisons to be: its keys `precision`, `precise` and
`max_minutes`, read together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loadtests.gates import GateError, check_term, read_term
from loadtests.length import least_blocks
from loadtests.metric_names import PER_ENDPOINT, POOLED
from loadtests.model import ConfigurationError, Experiment, Precision
from loadtests.plan import predicted_s

HEADLINE_METRIC = "requests_per_core_second"


def with_precision(
    path: Path,
    experiment: Experiment,
    half_width: float | None,
    max_minutes: float | None,
    comparisons: list[str] | None,
) -> Experiment:
    """The experiment with what it asks for, if it does. Raises ConfigurationError, one line."""
    if half_width is None:
        for key, value in (("max_minutes", max_minutes), ("precise", comparisons)):
            if value is not None:
                raise ConfigurationError(
                    f"{path}: {key} = {value!r}; allowed: only beside `precision`"
                )
        return experiment
    if experiment.trials_within_minutes is not None:
        raise ConfigurationError(
            f"{path}: trials_within_minutes = {experiment.trials_within_minutes:g}; allowed: "
            "not beside `precision`, whose blocks are as many as it takes"
        )
    if max_minutes is None:
        raise ConfigurationError(
            f"{path}: max_minutes: missing; it must be given beside `precision`"
        )
    named = tuple(comparisons or [_headline(path, experiment)])
    precise = replace(experiment, precision=Precision(half_width, max_minutes, named))
    for number, name in enumerate(named):
        _check_comparison(f"{path}: precise.{number} = {name!r}", precise, name)
    _check_time(path, precise, max_minutes)
    return precise


def _headline(path: Path, experiment: Experiment) -> str:
    """The ratio that answers the experiment's question."""
    pair = experiment.headline_pair()
    phase = next((phase for phase in experiment.phases if phase.kind == "capacity"), None)
    if pair is None or phase is None:
        raise ConfigurationError(
            f"{path}: precise: missing; it must be given where no `capacity` phase has two arms"
        )
    return f"{pair[1]}.{phase.name}.{HEADLINE_METRIC}"


def _check_comparison(where: str, experiment: Experiment, name: str) -> None:
    try:
        term = read_term(name)
        check_term(term, experiment)
    except GateError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if term.arm == experiment.reference:
        raise ConfigurationError(
            f"{where}: allowed: an arm to compare with {term.arm}, the reference"
        )
    if term.metric in POOLED:
        raise ConfigurationError(
            f"{where}: allowed: a metric with an interval; {term.metric} has none"
        )
    if term.metric in PER_ENDPOINT and term.endpoint is None:
        raise ConfigurationError(f"{where}: allowed: {name}@METHOD /path")


def _check_time(path: Path, experiment: Experiment, max_minutes: float) -> None:
    blocks = least_blocks(experiment)
    least = predicted_s(replace(experiment, blocks=blocks)) / 60
    if max_minutes < least:
        raise ConfigurationError(
            f"{path}: max_minutes = {max_minutes:g}; allowed: at least {least:.1f}, "
            f"what {blocks} blocks take"
        )

"""What keeps two runs from being compared: machine, placement, versions, or what was asked. Pure.

The commit, the times, the memory and the host's kernel release within a major version may differ:
a comparison of two commits is what runs are mostly compared for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loadtests.model import MACHINE_FACTS, Experiment, RunRecord

Facts = dict[str, object]

_LIBRARY = "lib_"
# How long a run lasts, how it is named and how it is judged change no single value.
_MAY_DIFFER = frozenset({"blocks", "name", "question", "gates", "precision"})
_NOT_RECORDED = "not recorded"
_ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """One circumstance, as either run has it."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what}: {self.before} in A, {self.after} in B"


def differences_of(before: RunRecord, after: RunRecord) -> tuple[Difference, ...]:
    """Everything that forbids to compare the two, circumstances first; empty when nothing does."""
    return (
        *_differing(_circumstances(before), _circumstances(after), _NOT_RECORDED),
        *_differing(_asked(before.experiment), _asked(after.experiment), _ABSENT),
    )


def _differing(before: Facts, after: Facts, missing: str) -> Iterator[Difference]:
    for what in dict.fromkeys((*before, *after)):
        one, other = before.get(what, missing), after.get(what, missing)
        if one != other:
            yield Difference(what, _text(one), _text(other))


def _circumstances(run: RunRecord) -> Facts:
    environment = run.environment
    facts: Facts = {key: environment[key] for key in MACHINE_FACTS if key in environment}
    if "kernel" in environment:
        facts["kernel major version"] = str(environment["kernel"]).partition(".")[0]
    facts |= {key: value for key, value in environment.items() if key.startswith(_LIBRARY)}
    for name, table in (("placement", run.placement), ("store", run.store)):
        facts |= {f"{name}.{key}": value for key, value in dataclasses.asdict(table).items()}
    return facts


def _asked(experiment: Experiment) -> Facts:
    """The experiment flat, `arms.NAME.KEY` and `phases.NAME.KEY`, less what may differ."""
    table = dataclasses.asdict(experiment)
    kept = {key: value for key, value in table.items() if key not in _MAY_DIFFER}
    return dict(_flat("experiment", kept))


def _flat(where: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{where}.{key}", inner)
    elif tables := _named_tables(value):
        yield where, tuple(tables)
        for name, table in tables.items():
            yield from _flat(f"{where}.{name}", table)
    else:
        yield where, value


def _named_tables(value: object) -> dict[str, Facts]:
    """Arms or phases by their names; empty for anything else."""
    if not isinstance(value, tuple) or not all(isinstance(each, dict) for each in value):
        return {}
    return {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in value}


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)

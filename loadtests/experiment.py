"""TOML -> Experiment, with errors that name file, key, value and what is allowed."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from loadtests.carts import LEAST_STATE_BYTES
from loadtests.experiment_checks import check_whole
from loadtests.gates import check_rules
from loadtests.model import (
    CONTROL_SUFFIX,
    Arm,
    Carrier,
    ConfigurationError,
    Experiment,
    Setting,
)
from loadtests.phase_tables import (
    BrowsersTable,
    Count,
    GateTable,
    LoadTable,
    Name,
    OutageTable,
    PhaseTable,
    Positive,
    SearchTable,
    Table,
    TrialsTable,
)
from loadtests.precision import with_precision

EXPERIMENTS = Path(__file__).with_name("experiments")
_STRATEGIES = Path(__file__).parent.parent / "servers" / "strategies"


class _Arm(Table):
    strategy: str
    name: Name | None = None
    replicas: Count = 1
    settings: dict[str, Setting] = Field(default_factory=dict)
    state_bytes: Annotated[int, Field(ge=LEAST_STATE_BYTES)] | None = None

    @field_validator("strategy")
    @classmethod
    def _strategy_exists(cls, name: str) -> str:
        if name not in strategies():
            raise ValueError(f"allowed: {', '.join(strategies())}")
        return name

    def to_model(self, carrier: Carrier) -> Arm:
        return Arm(
            name=self.name or self.strategy,
            strategy=self.strategy,
            replicas=self.replicas,
            carrier=carrier,
            settings=self.settings,
            state_bytes=self.state_bytes,
        )


class _File(Table):
    question: str
    seed: int = 1
    blocks: Count = 5
    carrier: Carrier = "bearer"
    reference: str
    control: str | None = None
    population: Count = 10_000
    pool_users: Count = 64
    request_timeout_s: Positive = 5.0
    warm_up_s: Positive = 0.5
    max_repeats: Annotated[int, Field(ge=0)] = 2
    max_server_cpus: Count | None = None
    generators: Count = 1
    groups: Count = 1
    server: dict[str, Setting] = Field(default_factory=dict)
    arms: Annotated[list[_Arm], Field(min_length=1)]
    phases: Annotated[list[PhaseTable], Field(min_length=1)]
    gate: GateTable = GateTable()
    precision: Annotated[float, Field(ge=0.001, le=1)] | None = None
    precise: Annotated[list[str], Field(min_length=1)] | None = None
    max_minutes: Positive | None = None
    trials_within_minutes: Positive | None = None


def strategies() -> list[str]:
    """Every strategy there is, by its file; nothing of the servers is imported."""
    return sorted(path.stem for path in _STRATEGIES.glob("[a-z]*.py"))


def find(name_or_path: str) -> Path:
    """`headline`, or a path to a TOML file. Raises ConfigurationError naming the known ones."""
    bundled = EXPERIMENTS / f"{name_or_path}.toml"
    if bundled.is_file():
        return bundled
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ", ".join(sorted(file.stem for file in EXPERIMENTS.glob("*.toml")))
    raise ConfigurationError(f"experiment: {name_or_path!r}; allowed: a TOML file, or {known}")


def read(path: Path) -> Experiment:
    """Raises ConfigurationError, one line."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        file = _File.model_validate(table)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_one_line(error)}") from None
    experiment = _to_model(path.stem, file)
    check_whole(path, experiment, file.control)
    check_rules(path, experiment)
    return with_precision(path, experiment, file.precision, file.max_minutes, file.precise)


def _to_model(name: str, file: _File) -> Experiment:
    arms = [arm.to_model(file.carrier) for arm in file.arms]
    twins = [
        replace(arm, name=arm.name + CONTROL_SUFFIX) for arm in arms if arm.name == file.control
    ]
    return Experiment(
        name=name,
        question=file.question,
        seed=file.seed,
        blocks=file.blocks,
        arms=tuple(arms + twins),
        reference=file.reference,
        phases=tuple(phase.to_model() for phase in file.phases),
        population=file.population,
        pool_users=file.pool_users,
        request_timeout_s=file.request_timeout_s,
        warm_up_s=file.warm_up_s,
        max_repeats=file.max_repeats,
        server=file.server,
        max_server_cpus=file.max_server_cpus,
        generators=file.generators,
        groups=file.groups,
        gates=tuple(file.gate.rules),
        trials_within_minutes=file.trials_within_minutes,
    )


def _one_line(error: ValidationError) -> str:
    # A misspelt key is the cause of the missing one it also reports.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; allowed: {', '.join(_allowed(first['loc'][:-1]))}"
    if first["type"] == "missing":
        return f"{key}: missing; it must be given"
    message = first["msg"].removeprefix("Value error, ")
    return f"{key} = {first['input']!r}: {message}"


def _allowed(where: tuple[int | str, ...]) -> list[str]:
    """The keys of the table at `where`."""
    tables: dict[str, type[Table]] = {
        "arms": _Arm, "phases": PhaseTable, "load": LoadTable, "trials": TrialsTable,
        "search": SearchTable, "browsers": BrowsersTable, "outage": OutageTable,
        "gate": GateTable,
    }  # fmt: skip
    named: list[Any] = [part for part in where if part in tables]
    return sorted((tables[named[-1]] if named else _File).model_fields)

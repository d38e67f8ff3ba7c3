"""TOML -> Experiment, with errors that name file, key, value and what is allowed."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from loadtests import scenarios
from loadtests.carts import LEAST_STATE_BYTES
from loadtests.gates import check_rules
from loadtests.model import (
    CONTROL_SUFFIX,
    Arm,
    Carrier,
    ConfigurationError,
    Experiment,
    Load,
    LoadModel,
    Phase,
    PhaseKind,
    Setting,
)
from loadtests.phase_tables import (
    Count,
    GateTable,
    Positive,
    SearchTable,
    Table,
    TrialsTable,
    check_searches,
)
from loadtests.server_flags import RESERVED

EXPERIMENTS = Path(__file__).with_name("experiments")
_STRATEGIES = Path(__file__).parent.parent / "servers" / "strategies"
# What a server mints at once unless `[server] mint_max` says otherwise; its `--mint-max`.
MINT_MAX = 100_000

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class _Load(Table):
    model: LoadModel
    users: Annotated[Count | None, Field(validate_default=True)] = None
    rate_rps: Annotated[Positive | None, Field(validate_default=True)] = None

    @field_validator("users")
    @classmethod
    def _users_close_a_loop(cls, users: int | None, info: ValidationInfo) -> int | None:
        if (users is None) == (info.data.get("model") == "closed"):
            raise ValueError("a closed load has `users` and no other load has")
        return users

    @field_validator("rate_rps")
    @classmethod
    def _rate_opens_a_loop(cls, rate_rps: float | None, info: ValidationInfo) -> float | None:
        if (rate_rps is None) != (info.data.get("model") == "closed"):
            raise ValueError("a constant or poisson load has `rate_rps`; a closed one has not")
        return rate_rps


class _Phase(Table):
    name: Name
    kind: PhaseKind
    scenario: str
    load: _Load | None = None
    rounds: Count
    slice_s: Positive = 0.9
    guard_s: Annotated[float, Field(ge=0)] = 0.1
    search: Annotated[SearchTable | None, Field(validate_default=True)] = None
    trials: Annotated[TrialsTable | None, Field(validate_default=True)] = None

    @field_validator("scenario")
    @classmethod
    def _scenario_exists(cls, name: str) -> str:
        if name not in scenarios.available():
            raise ValueError(f"allowed: {', '.join(scenarios.available())}")
        return name

    @field_validator("scenario")
    @classmethod
    def _trials_have_their_own_scenario(cls, name: str, info: ValidationInfo) -> str:
        if (name == "revocation") != (info.data.get("kind") == "revocation"):
            raise ValueError("a `revocation` phase has the `revocation` scenario and no other has")
        return name

    @field_validator("load")
    @classmethod
    def _the_kind_decides_the_loop(cls, load: _Load | None, info: ValidationInfo) -> _Load | None:
        kind = info.data.get("kind")
        if load is not None and kind == "capacity" and load.model != "closed":
            raise ValueError("a `capacity` phase has a closed load")
        if load is not None and kind == "latency" and load.model == "closed":
            raise ValueError("a `latency` phase has a constant or poisson load")
        return load

    @field_validator("search")
    @classmethod
    def _searches_are_for_slo(
        cls, search: SearchTable | None, info: ValidationInfo
    ) -> SearchTable | None:
        if (search is None) == (info.data.get("kind") == "slo"):
            raise ValueError("an `slo` phase has `search` and no other kind has")
        if search is not None and info.data.get("load") is not None:
            raise ValueError("an `slo` phase has no `load`: its search decides the rates")
        return search

    @field_validator("trials")
    @classmethod
    def _trials_are_for_revocation(
        cls, trials: TrialsTable | None, info: ValidationInfo
    ) -> TrialsTable | None:
        if (trials is None) == (info.data.get("kind") == "revocation"):
            raise ValueError("a `revocation` phase has `trials` and no other kind has")
        if info.data.get("kind") != "slo" and (trials is None) == (info.data.get("load") is None):
            raise ValueError("a phase has either `load` or `trials` (which bring their own load)")
        return trials

    def to_model(self) -> Phase:
        load = Load(**self.load.model_dump()) if self.load else Load("poisson")
        return Phase(
            name=self.name,
            kind=self.kind,
            scenario=self.scenario,
            load=load,
            rounds=self.rounds,
            slice_s=self.slice_s,
            guard_s=self.guard_s,
            trials=self.trials.to_model() if self.trials else None,
            search=self.search.to_model() if self.search else None,
        )


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
    server: dict[str, Setting] = Field(default_factory=dict)
    arms: Annotated[list[_Arm], Field(min_length=1)]
    phases: Annotated[list[_Phase], Field(min_length=1)]
    gate: GateTable = GateTable()


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
    _check_whole(path, experiment, file)
    check_searches(path, experiment)
    _check_servers(path, experiment)
    check_rules(path, experiment)
    return experiment


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
        gates=tuple(file.gate.rules),
    )


def _check_whole(path: Path, experiment: Experiment, file: _File) -> None:
    """What no single key can tell."""
    arms = [arm.name for arm in experiment.arms]
    phases = [phase.name for phase in experiment.phases]
    for key, names in (("arms", arms), ("phases", phases)):
        if len(set(names)) < len(names):
            raise ConfigurationError(f"{path}: {key}: names {names}; allowed: each only once")
    for key, value in (("reference", file.reference), ("control", file.control)):
        if value is not None and value not in arms:
            raise ConfigurationError(f"{path}: {key} = {value!r}; allowed: {', '.join(arms)}")
    most = max((phase.load.users or 0 for phase in experiment.phases), default=0)
    if most > experiment.pool_users:
        raise ConfigurationError(
            f"{path}: pool_users = {experiment.pool_users}; allowed: at least {most}, "
            "the users of the largest closed load"
        )
    measured = False
    for phase in experiment.phases:
        measured = measured or phase.kind == "capacity"
        if phase.trials is not None and phase.trials.background_fraction and not measured:
            raise ConfigurationError(
                f"{path}: phases.{phase.name}.trials.background_fraction = "
                f"{phase.trials.background_fraction}; allowed: 0, or after a `capacity` phase"
            )


def _check_servers(path: Path, experiment: Experiment) -> None:
    """What servers would take but a run cannot use; what they refuse, they say themselves."""
    for key, value in experiment.server.items():
        if key.replace("-", "_") in RESERVED:
            raise ConfigurationError(
                f"{path}: server.{key} = {value!r}; allowed: no value, a run decides this itself"
            )
    mint_max = experiment.server.get("mint_max", MINT_MAX)
    if type(mint_max) is int and experiment.population > mint_max:
        raise ConfigurationError(
            f"{path}: population = {experiment.population}; allowed: at most {mint_max}, "
            "as many as a server mints at once (server.mint_max)"
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
        "arms": _Arm, "phases": _Phase, "load": _Load, "trials": TrialsTable, "search": SearchTable,
        "gate": GateTable,
    }  # fmt: skip
    named: list[Any] = [part for part in where if part in tables]
    return sorted((tables[named[-1]] if named else _File).model_fields)

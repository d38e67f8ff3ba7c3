"""Tables of an experiment, as TOML has them: a phase's `trials` or `search`, and `gate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from loadtests.model import ConfigurationError, Experiment, Phase, Trials
from loadtests.search import Search

# Below it a p99 is hardly more than the slowest request.
REQUESTS_A_PROBE = 100


Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """A table in which every key counts: unknown ones and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class GateTable(Table):
    """`gate`: what must hold between the run's numbers."""

    rules: list[str] = Field(default_factory=list)


class TrialsTable(Table):
    """`trials` of a `revocation` phase."""

    per_slice: Count
    concurrent: Count = 1
    probe_every_s: Positive = 0.002
    # Tokens expire on whole seconds: a life of 1 s could end before its victim is revoked.
    ttl_s: Annotated[int, Field(ge=2)] = 2
    background_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.3

    def to_model(self) -> Trials:
        return Trials(**self.model_dump())


class SearchTable(Table):
    """`search` of an `slo` phase."""

    p99_ms: Positive = 20.0
    lowest_rps: Positive = 500.0
    highest_rps: Positive = 40_000.0
    precision: Annotated[float, Field(ge=0.01, le=1)] = 0.05
    confirmations: Count = 3

    def to_model(self) -> Search:
        return Search(**self.model_dump())


def check_searches(path: Path, experiment: Experiment) -> None:
    """Raises ConfigurationError, one line, when a search could not find what it looks for."""
    for phase in experiment.phases:
        if phase.search is not None:
            _check(path, experiment, phase, phase.search)


def _check(path: Path, experiment: Experiment, phase: Phase, search: Search) -> None:
    where = f"{path}: phases.{phase.name}"
    if search.highest_rps <= search.lowest_rps:
        raise ConfigurationError(
            f"{where}.search.highest_rps = {search.highest_rps:g}; allowed: more than "
            f"{search.lowest_rps:g} (lowest_rps)"
        )
    # A queue that grows by `precision` of the rate has to pass the limit before its probe ends.
    shortest_s = max(
        search.p99_ms / 1e3 * (1 + 1 / search.precision), REQUESTS_A_PROBE / search.lowest_rps
    )
    shortest_s = math.ceil(round(shortest_s * 1e3, 6)) / 1e3
    if phase.slice_s < shortest_s:
        raise ConfigurationError(
            f"{where}.slice_s = {phase.slice_s:g}; allowed: at least {shortest_s:g}, so that "
            f"{REQUESTS_A_PROBE} requests fall due at lowest_rps and a rate {search.precision:.0%} "
            f"too high passes {search.p99_ms:g} ms"
        )
    # Little's law: with fewer users the generator would hold back what the server should get.
    users = math.ceil(search.highest_rps * search.p99_ms / 1e3)
    if experiment.pool_users < users:
        raise ConfigurationError(
            f"{path}: pool_users = {experiment.pool_users}; allowed: at least {users}, "
            f"highest_rps × p99_ms of phases.{phase.name}.search"
        )

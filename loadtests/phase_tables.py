"""Tables of an experiment, as TOML has them: phases, with what they load or try, and gates."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from loadtests import scenarios
from loadtests.model import Browsers, Load, LoadModel, Outage, Phase, PhaseKind, Trials
from loadtests.outage.faults import FAULTS
from loadtests.search import Search

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
# Servers give up on a store after 250 ms unless told otherwise.
MOST_STORE_DELAY_MS = 200.0


def _unless_auto(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise ValueError("allowed: a number above 0, or 'auto'")
    return None if value == "auto" else value


Auto = BeforeValidator(_unless_auto)


class Table(BaseModel):
    """A table in which every key counts: unknown ones and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class GateTable(Table):
    """`gate`: what must hold between the run's numbers."""

    rules: list[str] = Field(default_factory=list)


class TrialsTable(Table):
    """`trials` of a `revocation` phase; `auto`: the law of each arm decides."""

    per_slice: Annotated[Count | None, Auto] = None
    concurrent: Annotated[Count | None, Auto] = None
    probe_every_s: Annotated[Positive | None, Auto] = None
    # Tokens expire on whole seconds: a life of 1 s could end before its victim is revoked.
    ttl_s: Annotated[int, Field(ge=2)] = 2
    background_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.3

    def to_model(self) -> Trials:
        return Trials(**self.model_dump())


class BrowsersTable(Table):
    """`browsers` of a `tabs` phase."""

    tabs: Annotated[list[Annotated[int, Field(ge=2, le=50)]], Field(min_length=1)]
    within_s: Annotated[list[Annotated[float, Field(gt=0, le=60)]], Field(min_length=1)]
    each: Count
    thefts: Count = 1

    def to_model(self) -> Browsers:
        return Browsers(tuple(self.tabs), tuple(self.within_s), self.each, self.thefts)


class OutageTable(Table):
    """`outage` of an `outage` phase."""

    fault: str
    before_s: Positive = 5.0
    fault_s: Positive = 5.0
    after_s: Positive = 10.0
    victims_before: Count = 24
    victims_during: Count = 16
    probe_every_s: Positive = 2.0

    @field_validator("fault")
    @classmethod
    def _fault_exists(cls, name: str) -> str:
        if name not in FAULTS:
            raise ValueError(f"allowed: {', '.join(FAULTS)}")
        return name

    def to_model(self) -> Outage:
        return Outage(**self.model_dump())


class SearchTable(Table):
    """`search` of an `slo` phase."""

    p99_ms: Positive = 20.0
    lowest_rps: Positive = 500.0
    highest_rps: Positive = 40_000.0
    precision: Annotated[float, Field(ge=0.01, le=1)] = 0.05
    confirmations: Count = 3

    def to_model(self) -> Search:
        return Search(**self.model_dump())


class LoadTable(Table):
    """`load` of a phase."""

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


class PhaseTable(Table):
    """`[[phases]]`."""

    name: Name
    kind: PhaseKind
    scenario: str
    arms: Annotated[list[str], Field(min_length=1)] | None = None
    load: LoadTable | None = None
    rounds: Count
    slice_s: Positive = 0.9
    guard_s: Annotated[float, Field(ge=0)] = 0.1
    search: Annotated[SearchTable | None, Field(validate_default=True)] = None
    trials: Annotated[TrialsTable | None, Field(validate_default=True)] = None
    browsers: Annotated[BrowsersTable | None, Field(validate_default=True)] = None
    store_delay_ms: Annotated[float, Field(ge=0, le=MOST_STORE_DELAY_MS)] | None = None
    outage: Annotated[OutageTable | None, Field(validate_default=True)] = None

    @field_validator("scenario")
    @classmethod
    def _scenario_exists(cls, name: str) -> str:
        if name not in scenarios.available():
            raise ValueError(f"allowed: {', '.join(scenarios.available())}")
        return name

    @field_validator("scenario")
    @classmethod
    def _trials_have_their_own_scenario(cls, name: str, info: ValidationInfo) -> str:
        for kind in ("revocation", "tabs"):
            if (name == kind) != (info.data.get("kind") == kind):
                raise ValueError(f"a `{kind}` phase has the `{kind}` scenario and no other has")
        return name

    @field_validator("scenario")
    @classmethod
    def _outages_have_their_own_scenario(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("kind") == "outage" and name != "outage":
            raise ValueError("an `outage` phase has the `outage` scenario")
        return name

    @field_validator("load")
    @classmethod
    def _the_kind_decides_the_loop(
        cls, load: LoadTable | None, info: ValidationInfo
    ) -> LoadTable | None:
        kind = info.data.get("kind")
        if load is not None and kind == "capacity" and load.model != "closed":
            raise ValueError("a `capacity` phase has a closed load")
        if load is not None and kind in ("latency", "outage") and load.model == "closed":
            raise ValueError(f"a `{kind}` phase has a constant or poisson load")
        if load is not None and kind == "users" and load.model != "closed":
            raise ValueError("a `users` phase has a closed load")
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
        brings_its_own = info.data.get("kind") in {"slo", "tabs"}
        if not brings_its_own and (trials is None) == (info.data.get("load") is None):
            raise ValueError("a phase has either `load` or `trials` (which bring their own load)")
        return trials

    @field_validator("browsers")
    @classmethod
    def _browsers_are_for_tabs(
        cls, browsers: BrowsersTable | None, info: ValidationInfo
    ) -> BrowsersTable | None:
        if (browsers is None) == (info.data.get("kind") == "tabs"):
            raise ValueError("a `tabs` phase has `browsers` and no other kind has")
        if browsers is not None and info.data.get("load") is not None:
            raise ValueError("a `tabs` phase has no `load`: its browsers are all there is")
        return browsers

    @field_validator("outage")
    @classmethod
    def _outages_are_for_outage(
        cls, outage: OutageTable | None, info: ValidationInfo
    ) -> OutageTable | None:
        if (outage is None) == (info.data.get("kind") == "outage"):
            raise ValueError("an `outage` phase has `outage` and no other kind has")
        return outage

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
            browsers=self.browsers.to_model() if self.browsers else None,
            store_delay_s=None if self.store_delay_ms is None else self.store_delay_ms / 1e3,
            arms=tuple(self.arms or ()),
            outage=self.outage.to_model() if self.outage else None,
        )

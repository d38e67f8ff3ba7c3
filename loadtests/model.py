"""The data that flows through everything: experiment, plan, slices, trials, findings.

Frozen dataclasses. Times: monotonic seconds from the run's start, unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadtests.search import Search

SCHEMA = 1

LoadModel = Literal["closed", "constant", "poisson"]
PhaseKind = Literal["capacity", "latency", "login", "mixed", "revocation", "slo"]
Carrier = Literal["bearer", "cookie"]
Severity = Literal["invalid", "warning"]
RunStatus = Literal["running", "finished", "interrupted"]
RevokeOutcome = Literal["ok", "refused", "indeterminate"]
Setting = str | int | float | bool

CONTROL_SUFFIX = "#2"


class ConfigurationError(Exception):
    """What a person must change before anything is measured: one line, exit status 2."""


@dataclass(frozen=True, slots=True)
class Load:
    """How requests arrive: `users` back to back (closed), or `rate_rps` on a schedule (open)."""

    model: LoadModel
    users: int | None = None
    rate_rps: float | None = None

    @property
    def is_open(self) -> bool:
        return self.model != "closed"


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a strategy with its settings, replicas and the state of its logins."""

    name: str
    strategy: str
    replicas: int
    carrier: Carrier
    settings: Mapping[str, Setting] = field(default_factory=dict)
    state_bytes: int | None = None

    @property
    def is_control(self) -> bool:
        return self.name.endswith(CONTROL_SUFFIX)


@dataclass(frozen=True, slots=True)
class Trials:
    """How a `revocation` phase tries the law, in each slice of an arm.

    `background_fraction` is the share of the arm's measured capacity that browses meanwhile;
    `ttl_s` is the life of the victims' credentials.
    """

    per_slice: int
    concurrent: int
    probe_every_s: float
    ttl_s: int
    background_fraction: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A part with one purpose: some rounds of one slice an arm, in `slo` phases of one probe."""

    name: str
    kind: PhaseKind
    scenario: str
    load: Load
    rounds: int
    slice_s: float
    guard_s: float
    trials: Trials | None = None
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a TOML file asks for. `arms` holds the control too, named `<arm>#2`."""

    name: str
    question: str
    seed: int
    blocks: int
    arms: tuple[Arm, ...]
    reference: str
    phases: tuple[Phase, ...]
    population: int
    pool_users: int
    request_timeout_s: float
    warm_up_s: float
    max_repeats: int
    server: Mapping[str, Setting] = field(default_factory=dict)
    max_server_cpus: int | None = None
    gates: tuple[str, ...] = ()

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One arm's turn within a round of a phase of a block; `seed` draws its due times."""

    block: int
    phase: str
    round: int
    arm: str
    seed: int


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """What one endpoint did in a slice: counts by status or failure, and two histograms.

    `response` counts from due, `service` from sent; both are HDR histograms of nanoseconds in
    the library's base64 form, over every answered request.
    """

    outcomes: Mapping[str, int]
    response: str
    service: str


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU spent by component in [slice start, drained]; null where it cannot be read."""

    server: float | None
    store: float | None
    generator: float | None


@dataclass(frozen=True, slots=True)
class WireBytes:
    """Bytes of HTTP the generator sent and received in [slice start, drained]."""

    sent: int
    received: int


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """A line of slices.jsonl: one slice as measured.

    `duration_s` is the recorded time, `drained_after_s` the time until the last answer, both
    from `started_s`; `completed` counts every request completed in [start, drained], also those
    sent in the guard, and is what CPU and bytes divide by. `offered` counts the due requests of
    an open loop, `pool_exhausted` those that found no idle user.
    """

    block: int
    phase: str
    round: int
    attempt: int
    arm: str
    replicas: int
    started_s: float
    duration_s: float
    drained_after_s: float
    load: Load
    endpoints: Mapping[str, EndpointRecord]
    completed: int
    offered: int
    unsent: int
    pool_exhausted: int
    dispatch_lag: str
    cpu_s: CpuSeconds
    steal_s: float | None
    foreign_cpu_s: float | None
    wire_bytes: WireBytes
    findings: tuple[str, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """A line of revocations.jsonl: one trial as one replica saw it.

    `lag_high_s` null: it never refused; `effective_within_s`: the server's promise, null: never.
    """

    block: int
    trial: int
    arm: str
    how: Literal["kick", "logout"]
    via_replica: int
    replica: int
    revoke: RevokeOutcome
    sent_s: float
    acked_s: float
    effective_within_s: float | None
    last_accepted_sent_s: float | None
    first_rejected_sent_s: float | None
    lag_low_s: float
    lag_high_s: float | None
    probes: int
    accepted_after_ack: int
    reaccepted: int
    load_fraction: float
    phase: str = "revocation"
    schema: int = SCHEMA

    @property
    def is_telling(self) -> bool:
        """Whether it says anything about the lag; a replica that only failed does not."""
        answered = self.lag_high_s is not None or self.accepted_after_ack > 0
        return self.revoke == "ok" and answered


@dataclass(frozen=True, slots=True)
class Finding:
    """A named reason to doubt a measurement, with advice. No arm or phase: the whole run."""

    name: str
    severity: Severity
    message: str
    advice: str
    arm: str | None = None
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Which CPUs run what; empty tuples where the platform cannot pin."""

    server_cpus: tuple[int, ...]
    store_cpus: tuple[int, ...]
    generator_cpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LawRecord:
    """A strategy's law as its server states it; `bound_s` null means never."""

    bound_s: float | None
    sentence: str
    store_down: str
    store_back: str


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What a block learnt of an arm before measuring; `impossible` says why it was left out."""

    law: LawRecord
    store_bytes_per_login: float | None
    impossible: str | None = None


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What stands in run.json for a block."""

    block: int
    arms: Mapping[str, ArmFacts]


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What served as store: name (`redis`, `valkey`), version, allocator, and whether one
    process served every arm (`REDIS_URL`) rather than one an arm."""

    name: str
    version: str
    allocator: str
    shared: bool


@dataclass(frozen=True, slots=True)
class RunRecord:
    """run.json: everything about a run but its slices and trials."""

    experiment: Experiment
    seed: int
    started_at: str
    finished_at: str | None
    status: RunStatus
    environment: Mapping[str, Setting | None]
    placement: Placement
    git_commit: str | None
    store: StoreInfo
    blocks: tuple[BlockFacts, ...] = ()
    findings: tuple[Finding, ...] = ()
    schema: int = SCHEMA

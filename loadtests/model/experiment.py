"""What is asked for: an experiment, its arms and phases, and the slices planned from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadtests.model.trials import Trials
from loadtests.search import Search

LoadModel = Literal["closed", "constant", "poisson"]
PhaseKind = Literal[
    "capacity", "latency", "login", "mixed", "outage", "revocation", "slo", "tabs", "users"
]
Carrier = Literal["bearer", "cookie"]
Setting = str | int | float | bool

CONTROL_SUFFIX = "#2"
# The strategy that checks nothing.
COST_FLOOR = "none"
# The trials of a slice of a `tabs` phase begin within so long; then tokens are replayed until
# they are refused, and for so long after their grace where they are not.
BEGUN_WITHIN_S = 1.0
REPLAYS_BEYOND_S = 1.0
# The scenarios that use refresh tokens.
REFRESHING = ("refresh", "tabs")


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

    @property
    def grace_s(self) -> float:
        """How long its settings let a rotated refresh token be used again; 0 where they do not."""
        return float(self.settings.get("grace_s", 0.0))


@dataclass(frozen=True, slots=True)
class Browsers:
    """How a `tabs` phase tries the grace of rotation, in each slice of an arm.

    For every number in `tabs` and every width in `within_s` (seconds) `each` browsers are tried,
    whose tabs refresh with one token at moments drawn evenly from that width. Of `thefts` more
    logins the token is replayed after its rotation.
    """

    tabs: tuple[int, ...]
    within_s: tuple[float, ...]
    each: int
    thefts: int

    @property
    def per_slice(self) -> int:
        """Logins tried in a slice, a line each."""
        return len(self.tabs) * len(self.within_s) * self.each + self.thefts

    def lasting_s(self, grace_s: float) -> float:
        """About how long the trials of a slice take: all go on side by side."""
        return BEGUN_WITHIN_S + max(*self.within_s, grace_s + REPLAYS_BEYOND_S)


@dataclass(frozen=True, slots=True)
class Outage:
    """What an `outage` phase does to every arm at once, and for how long.

    `victims_before` are revoked before the fault, `victims_during` while it stands; each is then
    probed on every replica every `probe_every_s`, until the end.
    """

    fault: str
    before_s: float
    fault_s: float
    after_s: float
    victims_before: int
    victims_during: int
    probe_every_s: float

    @property
    def victims(self) -> int:
        return self.victims_before + self.victims_during

    @property
    def trial_s(self) -> float:
        return self.before_s + self.fault_s + self.after_s


@dataclass(frozen=True, slots=True)
class Phase:
    """A part with one purpose: some rounds of one slice an arm, in `slo` phases of one probe, in
    `outage` phases of one trial of all arms at once, or of a group of them after the other.

    `store_delay_s` is added to each round trip between servers and store; None: not asked for.
    `arms` names those that take part; empty: all.
    """

    name: str
    kind: PhaseKind
    scenario: str
    load: Load
    rounds: int
    slice_s: float
    guard_s: float
    trials: Trials | None = None
    search: Search | None = None
    browsers: Browsers | None = None
    store_delay_s: float | None = None
    arms: tuple[str, ...] = ()
    outage: Outage | None = None

    @property
    def is_tried(self) -> bool:
        """Whether its slices are trials, which last until they have told what they can."""
        return self.trials is not None or self.browsers is not None


@dataclass(frozen=True, slots=True)
class Precision:
    """How narrow comparisons are asked to be, and how long that may take.

    `half_width` of the interval of a ratio: 0.03 for ± 3%. `comparisons` are terms
    (ARM.PHASE.METRIC, see gates), each meant as a ratio to the reference.
    """

    half_width: float
    max_minutes: float
    comparisons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a TOML file asks for. `arms` holds the control too, named `<arm>#2`.

    `blocks` are the fewest where a `precision` is asked for. `groups`: the arms of outages go in
    so many, one after the other, where all at once are too much for a machine. Revocation trials
    for which a run of `trials_within_minutes` has no time left are not begun; None: all are.
    """

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
    generators: int = 1
    groups: int = 1
    gates: tuple[str, ...] = ()
    precision: Precision | None = None
    trials_within_minutes: float | None = None

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    @property
    def has_distances(self) -> bool:
        """Whether any phase asks for a distance to the store, so that all are reached that way."""
        return any(phase.store_delay_s is not None for phase in self.phases)

    def arms_in(self, phase: Phase) -> tuple[Arm, ...]:
        """The arms that take part in a phase, in their order."""
        return tuple(arm for arm in self.arms if not phase.arms or arm.name in phase.arms)

    def refreshing_phases(self, arm: str) -> list[str]:
        """The phases in which an arm needs refresh tokens."""
        return [
            phase.name
            for phase in self.phases
            if phase.scenario in REFRESHING and (not phase.arms or arm in phase.arms)
        ]

    @property
    def is_of_outages(self) -> bool:
        """Whether its arms share one store, and its way and its faults, in every phase."""
        return any(phase.outage is not None for phase in self.phases)

    def headline_pair(self) -> tuple[str, str] | None:
        """The pair that answers the question: the reference and its first rival. The arm that
        checks nothing is a floor, not a rival. None when there is one arm."""
        arms = [arm for arm in self.arms if not arm.is_control]
        rivals = [arm.name for arm in arms if arm.strategy != COST_FLOOR]
        names = rivals if len(rivals) > 1 else [arm.name for arm in arms]
        names.sort(key=lambda name: name != self.reference)
        return (names[0], names[1]) if len(names) > 1 else None


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One arm's turn within a round of a phase of a block; `seed` draws its due times."""

    block: int
    phase: str
    round: int
    arm: str
    seed: int

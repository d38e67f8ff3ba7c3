"""What runner and generator say to each other, one JSON line each.

The runner sends one `Order` a block on the generator's stdin, and cues after it where the block is
one of outages (`loadtests.outage.cues`); the generator answers with slice lines, trial lines, notes
and, last, `done`, on a pipe of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from loadtests.model import (
    Carrier,
    Experiment,
    LostWorker,
    OutageRecord,
    Placement,
    PlannedSlice,
    RevocationRecord,
    SliceRecord,
    TabsRecord,
)
from loadtests.outage.sightings import Sighted

# The file descriptor the generator writes its lines to.
LINES_FD_VARIABLE = "AUTHBENCH_LINES_FD"
# Set by a starter that holds the other end of stdin and wants to be outlived by nobody.
LIFELINE_VARIABLE = "AUTHBENCH_EXIT_WITH_STDIN"


@dataclass(frozen=True, slots=True)
class ReplicaAddress:
    """Where a replica listens; its pid where it is a local process."""

    host: str
    port: int
    pid: int | None = None

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Credential:
    """One minted credential, owned by one simulated user; "" where its strategy refreshes none."""

    user_id: str
    credential: str
    csrf_token: str
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class ArmTarget:
    """How the generator reaches an arm and whose CPU to count for it.

    A store has a pid where it is a process of this run, else a URL; neither: no store. Users
    keep the state of their logins at `state_bytes`, where it is given. Where a proxy stands
    before the store it has a pid, and a port at which it is told how far the store is.
    `law_bound_s` is its law's (None: none, or not known); `changes_roles`: trials may change a
    victim's role.
    """

    arm: str
    carrier: Carrier
    cookie_name: str
    replicas: tuple[ReplicaAddress, ...]
    store_pid: int | None = None
    store_url: str | None = None
    credentials: tuple[Credential, ...] = ()
    state_bytes: int | None = None
    proxy_pid: int | None = None
    proxy_control_port: int | None = None
    law_bound_s: float | None = None
    changes_roles: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Everything the generator needs for a block. `run_started_ns`: the run's monotonic zero;
    `trials_end_ns`: when the block's trials are to be over (None: when all of them are)."""

    experiment: Experiment
    slices: tuple[PlannedSlice, ...]
    targets: tuple[ArmTarget, ...]
    placement: Placement
    run_started_ns: int
    own_pids: tuple[int, ...]
    admin_secret: str
    password: str
    trials_end_ns: int | None = None

    def target(self, arm: str) -> ArmTarget:
        return next(target for target in self.targets if target.arm == arm)


@dataclass(frozen=True, slots=True)
class Message:
    """A line from the generator: a slice about to start, a slice, a trial of either kind, a worker
    that was lost, or the end.

    In an outage block: that everybody `stands` for the next trial, and what an arm's users
    `sighted` in it, which the runner makes an `outage` of.
    """

    starting: PlannedSlice | None = None
    slice: SliceRecord | None = None
    revocation: RevocationRecord | None = None
    lost: LostWorker | None = None
    tabs: TabsRecord | None = None
    outage: OutageRecord | None = None
    stands: bool = False
    sighted: Sighted | None = None
    done: bool = False


_ORDER = TypeAdapter(Order)
_MESSAGE = TypeAdapter(Message)


def order_line(order: Order) -> bytes:
    return _ORDER.dump_json(order) + b"\n"


def parse_order(line: bytes) -> Order:
    return _ORDER.validate_json(line)


def message_line(message: Message) -> bytes:
    return _MESSAGE.dump_json(message, exclude_none=False) + b"\n"


def parse_message(line: bytes) -> Message:
    return _MESSAGE.validate_json(line)

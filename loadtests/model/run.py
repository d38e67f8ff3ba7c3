"""What is known of a run as a whole: run.json, and the findings about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests.model.calibration import CalibrationNote
from loadtests.model.experiment import Experiment, Setting
from loadtests.model.records import SCHEMA, OutagePolicy

Severity = Literal["invalid", "warning"]
RunStatus = Literal["running", "finished", "interrupted"]
# What of an environment must be the same for two measurements to be of the same machine.
MACHINE_FACTS = (
    "cpu_model", "cpu_count", "governor", "cpus_awake", "generator_first", "system", "machine",
    "python",
)  # fmt: skip


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

    @property
    def used_cpus(self) -> tuple[int, ...]:
        return tuple(sorted({*self.server_cpus, *self.store_cpus, *self.generator_cpus}))


@dataclass(frozen=True, slots=True)
class LawRecord:
    """A strategy's law as its server states it; `bound_s` null means never.

    The rest says to a machine what `store_down` and `store_back` say (see `servers.strategy.Law`);
    null where a server of an older version did not.
    """

    bound_s: float | None
    sentence: str
    store_down: str
    store_back: str
    down: OutagePolicy | None = None
    survivors: Literal["refuse", "serve"] | None = None
    hears_by: Literal["tracking", "channel", "log"] | None = None
    unheard: OutagePolicy | None = None
    everysec_undoes_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What a block learnt of an arm before measuring; `impossible` says why it was left out.

    `key_kind` is what credentials are signed with: `secret`, or the kind of a private key, whose
    public half lets others verify them. It and `needs_store` are null in runs that did not note it.
    `fixed_roles` says why roles cannot be changed, where a phase of trials wanted to; null: they
    can, or nobody asked.
    """

    law: LawRecord
    store_bytes_per_login: float | None
    impossible: str | None = None
    needs_store: bool | None = None
    key_kind: str | None = None
    fixed_roles: str | None = None


@dataclass(frozen=True, slots=True)
class LostWorker:
    """One of several generator processes that died or fell silent, and the slice it failed in.

    Its block ended there. Null: it failed before its first slice, or never came (`worker`). `log`
    holds the last lines that the generator wrote.
    """

    worker: int | None
    why: str
    phase: str | None = None
    round: int | None = None
    arm: str | None = None
    log: str = ""

    def sentence(self) -> str:
        who = "a worker" if self.worker is None else f"worker {self.worker}"
        if self.phase is None:
            return f"{who}, before the first slice: {self.why}"
        return f"{who} in {self.phase}, round {self.round}, of {self.arm}: {self.why}"


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What stands in run.json for a block. `finished`: every slice of it was walked, or as many
    as could be before a worker was lost.

    `changes` says how the environment differed from the run's, a line each.
    """

    block: int
    arms: Mapping[str, ArmFacts]
    finished: bool = False
    changes: tuple[str, ...] = ()
    lost_worker: LostWorker | None = None


@dataclass(frozen=True, slots=True)
class Length:
    """What ended a run that was to last until its comparisons were narrow.

    `half_widths` by comparison, of the interval of its ratio; None where there was none.
    """

    ended_by: Literal["precision", "cap"]
    half_widths: Mapping[str, float | None]

    def sentence(self, asked: float) -> str:
        """Whether every comparison is within the half-width asked for, or which are not."""
        wide = [
            f"{name} ± {_percent(width)}"
            for name, width in self.half_widths.items()
            if width is None or width > asked
        ]
        if not wide:
            return f"every comparison asked for is within ± {_percent(asked)}"
        return f"not within ± {_percent(asked)} when the time was up: {', '.join(wide)}"


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
    """run.json: everything about a run but its slices and trials.

    `source_digest` is of the code that measures and is measured: a run resumes only with the same.
    """

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
    source_digest: str | None = None
    resumed_at: tuple[str, ...] = ()
    length: Length | None = None
    calibration: CalibrationNote | None = None
    schema: int = SCHEMA


def _percent(half_width: float | None) -> str:
    """Rounded up to a tenth, so that what is said is true."""
    return "unknown" if half_width is None else f"{math.ceil(half_width * 1000 - 1e-6) / 10:g}%"

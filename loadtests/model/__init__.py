"""The data that flows through everything: experiment, plan, slices, trials, run, findings.

Frozen dataclasses, the standard library only."""

from loadtests.model.experiment import (
    CONTROL_SUFFIX,
    Arm,
    Carrier,
    ConfigurationError,
    Experiment,
    Load,
    LoadModel,
    Phase,
    PhaseKind,
    PlannedSlice,
    Setting,
    Trials,
)
from loadtests.model.records import (
    SCHEMA,
    CpuSeconds,
    EndpointRecord,
    RevocationRecord,
    RevokeOutcome,
    SliceRecord,
    WireBytes,
)
from loadtests.model.run import (
    ArmFacts,
    BlockFacts,
    Finding,
    LawRecord,
    Placement,
    RunRecord,
    RunStatus,
    Severity,
    StoreInfo,
)

__all__ = [
    "CONTROL_SUFFIX",
    "SCHEMA",
    "Arm",
    "ArmFacts",
    "BlockFacts",
    "Carrier",
    "ConfigurationError",
    "CpuSeconds",
    "EndpointRecord",
    "Experiment",
    "Finding",
    "LawRecord",
    "Load",
    "LoadModel",
    "Phase",
    "PhaseKind",
    "Placement",
    "PlannedSlice",
    "RevocationRecord",
    "RevokeOutcome",
    "RunRecord",
    "RunStatus",
    "Setting",
    "Severity",
    "SliceRecord",
    "StoreInfo",
    "Trials",
    "WireBytes",
]

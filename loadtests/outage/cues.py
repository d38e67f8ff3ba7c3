"""What the runner tells the generator in the course of an outage block, a JSON line each.

First the trial, for which everybody is minted and warmed up; then, once the generator said that
it stands, the moment it begins; after the last trial, the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from loadtests.model import Load, Outage


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """One trial. `first_victim`: the number of the first user to be revoked. `lives_s`: by arm that
    takes part, of the victims' credentials; null: as long as usual, which outlives the trial or
    knows no end."""

    outage: Outage
    load: Load
    seed: int
    first_victim: int
    lives_s: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Cue:
    """Exactly one of the three; `begin_ns` on the monotonic clock."""

    trial: TrialPlan | None = None
    begin_ns: int | None = None
    end: bool = False


_CUE = TypeAdapter(Cue)


def cue_line(cue: Cue) -> bytes:
    return _CUE.dump_json(cue) + b"\n"


def parse_cue(line: bytes) -> Cue:
    return _CUE.validate_json(line)

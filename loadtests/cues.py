"""What master and workers of one generator say to each other, as Locust's custom messages.

A cue goes to every worker, and each answers it once, but for the one to begin, which needs no
answer. Both name the part they are about and the cue's number, so that what comes late, or from a
worker of another run, is told from what is waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from loadtests.crew import Part, Played, Share
from loadtests.messages import Order
from loadtests.saturation import Look

# The names of Locust's messages.
CUE = "authbench_cue"
ANSWER = "authbench_answer"


class Key(NamedTuple):
    """Which cue: of which run (its monotonic zero), for which attempt at which slice, and its
    number within the block. No phase: for the rehearsal."""

    run_ns: int
    block: int
    phase: str
    round: int
    arm: str
    attempt: int
    number: int


@dataclass(frozen=True, slots=True)
class Ending:
    """Nothing that falls due after `at_ns` is played, with `give_up` nothing that waits then."""

    at_ns: int
    give_up: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recorded time, [start_ns, end_ns)."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Cue:
    """What a worker is to do: one of these, else to look. `share` comes with the order."""

    key: Key
    order: Order | None = None
    share: Share | None = None
    rehearse: bool = False
    begin: Part | None = None
    end: Ending | None = None
    sum_up: Stretch | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says to a cue when it has done it."""

    key: Key
    worker: int
    pid: int
    look: Look | None = None
    played: Played | None = None


_CUE = TypeAdapter(Cue)
_ANSWER = TypeAdapter(Answer)


def pack_cue(cue: Cue) -> dict[str, Any]:
    """As the data of a Locust message."""
    return {"json": _CUE.dump_json(cue).decode()}


def unpack_cue(data: dict[str, Any]) -> Cue:
    return _CUE.validate_json(data["json"])


def pack_answer(answer: Answer) -> dict[str, Any]:
    return {"json": _ANSWER.dump_json(answer).decode()}


def unpack_answer(data: dict[str, Any]) -> Answer:
    return _ANSWER.validate_json(data["json"])

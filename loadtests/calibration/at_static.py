"""Slices at a server that outruns any generator: what they say is the generator's own."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from loadtests.bench.static_server import static_server
from loadtests.calibration.drive import begin, finish, order_for
from loadtests.generator import start_generator
from loadtests.messages import ReplicaAddress
from loadtests.model import Phase, Placement, SliceRecord

_ARM = "static"
_SEED = 3
_WARM_UP_S = 0.5


def slices_at_static(
    phases: Sequence[Phase], users: int, placement: Placement, rounds: int = 1
) -> tuple[str, list[SliceRecord]]:
    """What the server is, and `rounds` slices of each phase, phase by phase. Raises
    MeasurementError when a server or the generator dies."""
    turns = [(phase.name, _ARM) for phase in phases for _ in range(rounds)]
    with start_generator(users) as generator, static_server(placement.server_cpus) as server:
        at = urlsplit(server.url)
        order = order_for(
            {_ARM: ReplicaAddress(at.hostname or "127.0.0.1", at.port or 80)},
            phases,
            turns,
            pool_users=users,
            placement=placement,
            seed=_SEED,
            warm_up_s=_WARM_UP_S,
        )
        walked = finish(order, begin(generator, order, lambda: None))
    return server.name, [walked.records[planned] for planned in order.slices]

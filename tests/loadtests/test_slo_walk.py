"""Searches walked in this process, at a real server and at one that never answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from loadtests import walk
from loadtests.checks import meets
from loadtests.messages import Credential
from loadtests.model import Load, Phase, SliceRecord
from loadtests.plan import plan_block
from loadtests.search import Answer, Search
from tests.builders import a_phase
from tests.loadtests.scripted_server import hang, scripted
from tests.loadtests.walking import (
    TWO_ARMS,
    a_block,
    always_disturbed,
    an_order,
    at,
    collection,
    walked,
)
from tests.servers.processes import CHEAP_LOGIN, Replica, running

__all__ = ["collection"]

# Low enough for any machine, or far too high: what matters is which rate follows which answer.
SEARCH = Search(p99_ms=60.0, lowest_rps=200.0, highest_rps=900.0, precision=0.3, confirmations=1)
KNEE = a_phase("slo", search=SEARCH, rounds=7, slice_s=0.1, guard_s=0.01)
# More users than requests fall due in a probe: none ever waits for one.
MANY = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Replica]:
    with running("jwt_hs256", "--users", "200", *CHEAP_LOGIN) as replica:
        yield replica


def told(probes: Sequence[SliceRecord], search: Search) -> list[Answer]:
    return [Answer(each.load.rate_rps or 0.0, meets(each, search)) for each in probes]


def assert_a_search(phase: Phase, probes: Sequence[SliceRecord], first_seed: int) -> None:
    """Each probe is what the answers before it asked for, up to the search's or the phase's end."""
    assert phase.search is not None
    answers = told(probes, phase.search)
    for number, probe in enumerate(probes):
        wanted_rps = phase.search.next_rps(answers[:number], first_seed)
        assert probe.load == Load("poisson", rate_rps=wanted_rps)
        assert probe.round == number
    assert len(probes) == phase.rounds or phase.search.has_ended(answers)


def test_every_arm_walks_its_own_search_a_probe_a_round(server: Replica) -> None:
    order = at(server, a_block(phases=(KNEE,), population=MANY, pool_users=MANY))
    first_seeds = {p.arm: p.seed for p in order.slices if p.round == 0}
    by_arm: dict[str, list[SliceRecord]] = defaultdict(list)
    slices = walked(order).slices
    for record in slices:
        by_arm[record.arm].append(record)
    assert by_arm.keys() == {arm.name for arm in TWO_ARMS}
    for arm, probes in by_arm.items():
        assert_a_search(KNEE, probes, first_seeds[arm])
    # Round by round: the arms take turns.
    assert [record.round for record in slices] == sorted(record.round for record in slices)


@pytest.mark.parametrize(("p99_ms", "attempts"), [(0.01, 3), (60_000.0, 1)], ids=["miss", "met"])
def test_a_disturbed_probe_is_repeated_unless_it_met_its_limit(
    server: Replica, monkeypatch: pytest.MonkeyPatch, p99_ms: float, attempts: int
) -> None:
    monkeypatch.setattr(walk, "is_disturbed", always_disturbed)
    phase = replace(KNEE, search=replace(SEARCH, p99_ms=p99_ms))
    experiment = a_block(
        phases=(phase,), arms=TWO_ARMS[:1], max_repeats=2, population=MANY, pool_users=MANY
    )
    order = at(server, experiment)
    probes = walked(order).slices
    assert [probe.attempt for probe in probes if probe.round == 0] == list(range(attempts))
    # Only the last attempt is told, so the next round goes on from there.
    assert_a_search(phase, probes[attempts - 1 :], order.slices[0].seed)


def test_a_server_that_never_answers_ends_its_probes_early() -> None:
    phase = replace(KNEE, slice_s=30.0, rounds=2, search=replace(SEARCH, p99_ms=10.0))
    experiment = a_block(
        phases=(phase,), arms=TWO_ARMS[:1], pool_users=2, request_timeout_s=0.3, warm_up_s=0.0
    )
    with scripted([hang] * 20) as silent:
        minted = [Credential("user-0", "credential", "")]
        probes = walked(an_order(experiment, silent.port, minted)).slices
    for probe in probes:
        assert probe.findings == ("saturated",)
        assert probe.duration_s < phase.slice_s / 2
        # What waited was given up, not sent late; it fell due all the same.
        assert probe.unsent > 0
        assert probe.offered >= probe.unsent
        assert not meets(probe, SEARCH)
    assert [p.arm for p in plan_block(experiment, 0)] == [probe.arm for probe in probes]

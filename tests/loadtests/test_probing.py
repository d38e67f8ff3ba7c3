from __future__ import annotations

import dataclasses

from loadtests.model import Load, PlannedSlice, SliceRecord
from loadtests.probing import Searches
from tests.builders import a_phase, a_slice, an_endpoint, an_experiment

SLO = a_phase("slo")
EXPERIMENT = an_experiment(phases=(a_phase("capacity"), SLO))


def planned(arm: str = "none", phase: str = "slo") -> PlannedSlice:
    return PlannedSlice(0, phase, 0, arm, seed=5)


def probed(load: Load | None, *, met: bool, arm: str = "none") -> SliceRecord:
    assert load is not None
    endpoints = {"GET /me": an_endpoint({"200": 300}, p50_ms=1.0 if met else 100.0)}
    return a_slice(phase="slo", arm=arm, load=load, endpoints=endpoints, offered=300)


def test_a_phase_without_a_search_keeps_its_load() -> None:
    searches = Searches(EXPERIMENT)
    record = a_slice()
    searches.hear([record])
    assert searches.load(planned(phase="capacity")) == EXPERIMENT.phase("capacity").load


def test_an_arm_is_asked_on_from_its_own_answers() -> None:
    searches = Searches(EXPERIMENT)
    first = searches.load(planned())
    assert first is not None
    assert first.model == "poisson"
    # Asking changes nothing, so a repeated round asks the same again.
    assert searches.load(planned()) == first
    searches.hear([probed(first, met=True)])
    second = searches.load(planned())
    assert second == dataclasses.replace(first, rate_rps=2 * (first.rate_rps or 0))
    assert searches.load(planned("jwt_hs256")) == first


def test_only_what_a_disturbance_may_have_changed_is_doubted() -> None:
    searches = Searches(EXPERIMENT)
    load = searches.load(planned())
    assert searches.doubt(probed(load, met=False))
    assert not searches.doubt(probed(load, met=True))
    assert searches.doubt(a_slice(phase="capacity"))


def test_an_ended_search_has_no_load() -> None:
    searches = Searches(EXPERIMENT)
    probes = 0
    while (load := searches.load(planned())) is not None:
        searches.hear([probed(load, met=(load.rate_rps or 0) < 7_000)])
        probes += 1
        assert probes < 50
    assert searches.load(planned("jwt_hs256")) is not None

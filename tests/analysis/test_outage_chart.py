import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.charts import CHARTS, OUTAGE_CHARTS, Chart, Measured, NothingToDrawError
from analysis.outages import pairs_of
from analysis.reading import read
from loadtests.model import Phase
from tests.builders import a_phase
from tests.outage_lines import (
    FAULTS,
    an_outage_experiment,
    an_outage_phase,
    an_outage_run,
    outages_of,
)
from tests.run_folders import write_run_folder

THREE = an_outage_experiment(("session_redis", "jwt_hs256", "jwt_epoch"))


def measured_of(tmp_path: Path, *phases: Phase, **changes: Any) -> Measured:
    run = an_outage_run(replace(THREE, phases=phases))
    return Measured(read(write_run_folder(tmp_path, run, **changes)), ())


@pytest.mark.parametrize("drawn", OUTAGE_CHARTS, ids=lambda c: c.name)
@pytest.mark.parametrize("faults", [1, 2, 5, 12])
def test_every_panel_and_lane_has_its_name(drawn: Chart, faults: int, tmp_path: Path) -> None:
    phases = [an_outage_phase(name) for name in FAULTS[:faults]]
    measured = measured_of(tmp_path, *phases)
    picture = drawn.render(measured)
    shown = " ".join(re.findall(r"<!-- (.*?) -->", picture.svg))
    assert all(pair.heading in shown for pair in pairs_of(measured.reading))
    assert all(arm.name in shown for arm in THREE.arms)
    assert picture.svg == drawn.render(measured).svg
    assert drawn not in CHARTS


def test_lanes_say_what_is_missing(tmp_path: Path) -> None:
    lines = [
        o
        for o in outages_of(THREE)
        if o.arm != "jwt_hs256" and (o.arm, o.trial) != ("jwt_epoch", 2)
    ]
    measured = measured_of(tmp_path, an_outage_phase("frozen"), outages=lines)
    shown = " ".join(re.findall(r"<!-- (.*?) -->", OUTAGE_CHARTS[0].render(measured).svg))
    assert "not measured" in shown
    assert "2 of 3 trials" in shown


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    measured = measured_of(tmp_path, a_phase("capacity"), slices=(), trials=(), outages=())
    with pytest.raises(NothingToDrawError, match="no trial of any fault"):
        OUTAGE_CHARTS[0].render(measured)

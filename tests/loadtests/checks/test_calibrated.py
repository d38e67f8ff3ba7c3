from __future__ import annotations

import pytest

from loadtests.checks import calibration_findings
from loadtests.model import CalibrationNote, Load
from tests.builders import a_phase, a_slice
from tests.loadtests.calibration.builders import a_calibration, a_dispatch, the_limits

CAPACITY = a_phase("capacity")
NOTE = a_calibration().note()
SLICE = a_slice()
# As if nothing more had been tried than what left in time.
ALL_IN_TIME = a_calibration(limits=the_limits(dispatch=(a_dispatch(1_000.0),))).note()
NEVER = a_calibration(limits=the_limits(dispatch=(a_dispatch(1_000.0, in_time=False),))).note()


@pytest.mark.parametrize(
    ("rate", "note", "detail"),
    [
        (1_000, NOTE, None),
        (2_000, NOTE, None),
        (2_001, NOTE, "in time up to 2,000, at 5,000 the lag had a p99 of 2.50 ms"),
        (5_000, NOTE, "in time up to 2,000"),
        (1_001, ALL_IN_TIME, "no more than 1,000 were tried"),
        (10, NEVER, "in time up to 0, at 1,000 the lag"),
        (9_999, None, None),
    ],
)
def test_a_rate_beyond_what_left_in_time_is_told(
    rate: int, note: CalibrationNote | None, detail: str | None
) -> None:
    found = list(calibration_findings(a_phase(f"latency-{rate}"), "none", [SLICE], note))
    assert [each.name for each in found] == ([] if detail is None else ["beyond_calibration"])
    if detail is not None:
        assert f"{rate:,} req/s, {detail}" in found[0].message
        assert (found[0].severity, found[0].arm) == ("warning", "none")


def test_several_generators_do_several_times_as_much() -> None:
    fast = a_phase("latency-4000")
    assert [f.name for f in calibration_findings(fast, "none", [SLICE], NOTE)] != []
    assert list(calibration_findings(fast, "none", [SLICE], NOTE, generators=2)) == []


@pytest.mark.parametrize("name", ["capacity", "login", "slo", "revocation"])
def test_other_phases_are_not_judged_by_it(name: str) -> None:
    phase = a_phase(name, load=Load("poisson", rate_rps=99_999.0))
    assert list(calibration_findings(phase, "none", [a_slice(completed=99_999)], NOTE)) == []


def test_nothing_measured_or_no_limits_say_nothing() -> None:
    without = a_calibration(limits=None).note()
    assert list(calibration_findings(CAPACITY, "none", [], NOTE)) == []
    assert list(calibration_findings(CAPACITY, "none", [a_slice(completed=10**6)], without)) == []

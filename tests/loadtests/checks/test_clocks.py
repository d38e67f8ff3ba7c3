from __future__ import annotations

import pytest

from loadtests.checks import clock_findings
from loadtests.model import SliceRecord
from tests.builders import a_phase, a_slice

PHASE = a_phase("capacity")


def slices(*readings: tuple[str, int, float | None]) -> dict[str, list[SliceRecord]]:
    by_arm: dict[str, list[SliceRecord]] = {}
    for arm, block, mhz in readings:
        by_arm.setdefault(arm, []).append(a_slice(arm=arm, block=block, cpu_mhz=mhz))
    return by_arm


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        ([("a", 0, 3000.0), ("b", 0, 2860.0)], None),
        ([("a", 0, 3000.0), ("b", 0, 2840.0)], "arm b at 2840 MHz, arm a at 3000 MHz"),
        ([("a", 0, 3000.0), ("a", 1, 2800.0)], "block 1 at 2800 MHz, block 0 at 3000 MHz"),
        ([("a", 0, 3000.0)] * 9 + [("a", 0, 1000.0)], None),
        ([("a", 0, None), ("b", 0, None)], None),
    ],
)
def test_another_clock_for_some(
    readings: list[tuple[str, int, float | None]], said: str | None
) -> None:
    found = clock_findings(PHASE, slices(*readings))
    assert [each.name for each in found] == ([] if said is None else ["frequency_changed"])
    assert said is None or found[0].message.endswith(said)


@pytest.mark.parametrize(
    ("throttled", "said"), [([None, None], None), ([0, 0], None), ([0, 3], "in 1 of 2 slices")]
)
def test_heat(throttled: list[int | None], said: str | None) -> None:
    by_arm = {"none": [a_slice(throttled=each) for each in throttled]}
    found = clock_findings(PHASE, by_arm)
    assert [each.name for each in found] == ([] if said is None else ["throttled"])
    assert said is None or found[0].message.endswith(said)
